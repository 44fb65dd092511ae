"""The Dirac-GAN: where every objective drives two players that have one number each."""

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.quiver import Quiver
from torch import Tensor

from ganlab.illustrations import Illustration
from ganlab.objectives import Hinge, LeastSquares, Minimax, NonSaturating, Wasserstein
from ganlab.penalties import R1, OneCentred
from ganlab.theory.dirac import ORDERS, DiracGAN

_SPEEDS = np.array([0, 1, 3, 10])  # on the key of the arrows
_GENERATOR, _DISCRIMINATOR = r"generator $\theta$", r"discriminator $\psi$"


def dirac_games() -> dict[str, DiracGAN]:
    """The games of the Dirac-GAN figure by title."""
    return {
        "minimax: orbits": DiracGAN(Minimax()),
        "non-saturating: barely converges": DiracGAN(NonSaturating()),
        "Wasserstein: orbits": DiracGAN(Wasserstein()),
        "hinge: Wasserstein where $\\psi\\theta > -1$": DiracGAN(Hinge()),
        "least squares 0/1/1: rests anywhere on $\\psi = 0$": DiracGAN(LeastSquares()),
        "non-saturating + $R_1$: converges": DiracGAN(NonSaturating(), [R1(gamma=0.5)]),
        "Wasserstein + one-centred penalty: does not": DiracGAN(Wasserstein(), [OneCentred(weight=0.5)]),
    }


def dirac_figure(
    games: Mapping[str, DiracGAN] | None = None, *, start: tuple[float, float] = (1.0, 1.0),
    duration: float = 40.0, lr: float = 0.2, extent: float = 2.5,
) -> Figure:  # fmt: skip
    """Vector fields and trajectories of the Dirac-GAN: a panel for each game, and one of the order of play.

    Args:
        games: by title; `dirac_games` by default.
        start: (theta, psi) where every trajectory starts.
        duration: of the continuous trajectories.
        lr: step size of both players in the last panel, the Wasserstein game in discrete steps.
        extent: half the side of the square that is shown.
    """
    games = dirac_games() if games is None else games
    columns = min(4, len(games) + 1)
    rows = -(-(len(games) + 1) // columns)
    figure = Figure(figsize=(3.6 * columns + 1, 3.6 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flatten()
    initial = torch.tensor([start], dtype=torch.float64)
    for (title, game), axis in zip(games.items(), axes, strict=False):
        arrows = _draw_field(axis, game, extent)
        _draw_path(axis, game.flow(initial, duration=duration, steps=int(20 * duration)), "C3", "-")
        axis.set_title(title, fontsize=9)
    _draw_orders(axes[len(games)], initial, lr)
    key = figure.colorbar(arrows, ax=axes, label="speed: length of the field's vector", shrink=0.5, pad=0.01)
    key.set_ticks(np.log1p(_SPEEDS).tolist(), labels=[f"{speed:g}" for speed in _SPEEDS])
    key.ax.set_ylim(0, None)
    for number, axis in enumerate(axes):
        axis.set(xlim=(-extent, extent), ylim=(-extent, extent), aspect="equal")
        axis.set_visible(number <= len(games))
        if number // columns == rows - 1:
            axis.set_xlabel(_GENERATOR)
        if number % columns == 0:
            axis.set_ylabel(_DISCRIMINATOR)
    return figure


def _draw_field(axis: Axes, game: DiracGAN, extent: float) -> Quiver:
    """The field's direction on a lattice; longer arrows are drawn darker, not longer."""
    ticks = torch.linspace(-extent, extent, 18, dtype=torch.float64)[1:-1]
    states = torch.cartesian_prod(ticks, ticks)
    field = game.field(states)
    speed = field.norm(dim=1, keepdim=True)
    x, y, u, v = torch.cat([states, field / speed.clamp(min=1e-9)], dim=1).numpy().T
    shade = speed.squeeze(1).log1p().numpy()
    return axis.quiver(x, y, u, v, shade, cmap="Greys", clim=(-0.6, 2.5), angles="xy", scale=24, width=0.005)


def _draw_orders(axis: Axes, initial: Tensor, lr: float) -> None:
    """The Wasserstein game in discrete steps: the order of play decides between a spiral and an orbit."""
    game = DiracGAN(Wasserstein())
    for order, colour in zip(ORDERS, ("C1", "C0", "C2"), strict=True):
        path = game.play(initial, lr=lr, steps=60, order=order)
        _draw_path(axis, path, colour, ".-", label=order)
    axis.set_title(f"Wasserstein, steps of {lr:g}: who moves first?", fontsize=9)
    axis.legend(loc="lower right", fontsize=8)


def _draw_path(axis: Axes, path: Tensor, colour: str, style: str, label: str | None = None) -> None:
    theta, psi = path[:, 0].T.numpy()
    axis.plot(theta, psi, style, color=colour, linewidth=1.0, markersize=3, label=label)
    axis.plot(theta[:1], psi[:1], "o", color="black", markersize=4)
    axis.plot([0], [0], "+", color="black")


ILLUSTRATION = Illustration("the Dirac-GAN: vector fields and trajectories by objective", dirac_figure)
