"""Weight clipping against a gradient penalty: the value surfaces of two critics (WGAN-GP's figure 1)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from ganlab.constraints import WeightClipping
from ganlab.data.mixtures import Grid, Ring
from ganlab.illustrations import Illustration
from ganlab.networks import MLPDiscriminator
from ganlab.objectives import Match, Wasserstein
from ganlab.penalties import GradientPenalty, input_gradients
from ganlab.randomness import Draws
from ganlab.theory.transport import DualityGap, duality_gap

SIDE = 60  # points a side of the lattice on which a surface is drawn
BATCH = 256


@dataclass(frozen=True)
class Surface:
    """A critic trained between a mixture and the same mixture with noise, seen on a lattice.

    Attributes:
        ticks: (SIDE,) of both axes.
        values, slopes: (SIDE, SIDE) of the critic and of its gradient's norm; the first index is y.
        gap: between this critic and the best one, on the real points and the fakes.
        real, fake: (N, 2) points.
    """

    ticks: Tensor
    values: Tensor
    slopes: Tensor
    gap: DualityGap
    real: Tensor
    fake: Tensor


def mixtures() -> dict[str, tuple[Ring | Grid, float]]:
    """The two data sets by name, with the standard deviation of the noise that makes the fakes."""
    return {"ring": (Ring(std=0.05, n=4000), 0.4), "grid": (Grid(n=4000), 1.0)}


def train_critic(data: Ring | Grid, noise: float, *, clipping: bool, steps: int, seed: int = 0) -> Surface:
    """A Wasserstein critic after `steps` steps against fakes that are data with N(0, noise^2 I) added."""
    torch.manual_seed(seed)
    critic = MLPDiscriminator(shape=(2,), hidden=(128, 128, 128), activation="relu")
    objective, penalty, clip = Wasserstein(), GradientPenalty(weight=1.0), WeightClipping(bound=0.1)
    lr = 2e-4 if clipping else 1e-3
    optimizer = torch.optim.RMSprop(critic.parameters(), lr) if clipping else torch.optim.Adam(
        critic.parameters(), lr, betas=(0.0, 0.9))  # fmt: skip
    generator = torch.Generator()
    for step in range(steps):
        x_real, x_fake = _pair(data, noise, BATCH)
        match = Match(x_real, x_fake, critic(x_real), critic(x_fake))
        loss = objective.d_loss(match)
        if not clipping:
            loss = loss + penalty(critic, match, Draws(seed, step, generator=generator))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if clipping:
            clip(critic)
    return survey(critic, data, noise)


def critics_figure(*, steps: int = 3000) -> Figure:
    """Values and slopes, both over the steepest slope L, of a clipped and of a penalised critic on two mixtures."""
    figure = Figure(figsize=(14, 7), layout="constrained")
    axes = figure.subplots(2, 4)
    for row, (name, (data, noise)) in enumerate(mixtures().items()):
        surfaces = [train_critic(data, noise, clipping=clipping, steps=steps) for clipping in (True, False)]
        draw(axes[row, :2], axes[row, 2:], surfaces)
        for axis, surface, how in zip(
            axes[row], surfaces, ("clipping at 0.1", "gradient penalty"), strict=False
        ):
            proven = surface.gap.bound / surface.gap.distance
            axis.set_title(f"{name}, {how}: proves {100 * proven:.0f} % of $W_1$", fontsize=10)
    axes[0, 0].legend(loc="lower left", fontsize=8, markerscale=4)
    return figure


def draw(value_axes: Sequence[Axes], slope_axes: Sequence[Axes], surfaces: Sequence[Surface]) -> None:
    """Critics of one mixture over their L, which is what proves a part of W1; all values and all slopes on one scale."""
    scaled = [(surface.values - surface.values.max()) / surface.gap.lipschitz for surface in surfaces]
    levels = torch.linspace(min(values.min().item() for values in scaled), 0, 21)
    for value, slope, surface, values in zip(value_axes, slope_axes, surfaces, scaled, strict=True):
        ticks, steepest = surface.ticks.numpy(), surface.gap.lipschitz
        contours = value.contourf(ticks, ticks, values.numpy(), levels=levels.numpy(), cmap="viridis")
        value.scatter(
            surface.fake[:, 0], surface.fake[:, 1], s=3, color="black", alpha=0.6, label="fake", linewidths=0
        )
        value.scatter(surface.real[:, 0], surface.real[:, 1], s=3, color="white", label="real", linewidths=0)
        mesh = slope.pcolormesh(
            ticks, ticks, (surface.slopes / steepest).numpy(), cmap="magma", vmin=0, vmax=1, rasterized=True
        )
        slope.set_title(f"norm of its gradient over L = {steepest:.3g}", fontsize=10)
        for axis in (value, slope):
            axis.set(aspect="equal", xlim=ticks[[0, -1]], ylim=ticks[[0, -1]])
            axis.set_box_aspect(1)
    figure = value_axes[0].figure
    bar = figure.colorbar(contours, ax=list(value_axes), label="f / L, 0 at its peak", shrink=0.9)
    bar.set_ticks(levels[::4].tolist(), labels=[f"{level:.2g}" for level in levels[::4].tolist()])
    figure.colorbar(mesh, ax=list(slope_axes), label="slope / L", shrink=0.9)


def _pair(data: Ring | Grid, noise: float, n: int) -> tuple[Tensor, Tensor]:
    real, fake = data.sample(n)[0].float(), data.sample(n)[0].float()
    return real, fake + noise * torch.randn(n, 2)


def survey(critic: nn.Module, data: Ring | Grid, noise: float) -> Surface:
    """A critic of points (N, 2) on a lattice that holds the data, and its gap on 400 of each kind."""
    reach = 1.3 * data.means.abs().max().item()
    ticks = torch.linspace(-reach, reach, SIDE)
    lattice = torch.cartesian_prod(ticks, ticks)  # the first column is x and varies slowest
    slopes = input_gradients(critic, lattice).detach().norm(dim=1)
    x_real, x_fake = _pair(data, noise, 400)
    with torch.no_grad():
        values, scores = critic(lattice).value, critic(torch.cat([x_real, x_fake])).value
    gap = duality_gap(scores.numpy(), x_real.numpy(), x_fake.numpy())
    square = (SIDE, SIDE)
    return Surface(ticks, values.view(square).T, slopes.view(square).T, gap, x_real, x_fake)


ILLUSTRATION = Illustration("value surfaces of a clipped and of a penalised critic", critics_figure)
