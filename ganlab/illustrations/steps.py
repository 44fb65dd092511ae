"""How near to D* a discriminator comes in k steps, on two distributions that stand still."""

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from ganlab.illustrations import Illustration
from ganlab.networks import MLPDiscriminator
from ganlab.objectives import Match, Minimax
from ganlab.theory.distributions import Grid
from ganlab.theory.optimal import distance_to_optimal, optimal_discriminator

GRID = Grid.line(-7, 7, 801)
MOMENTS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
BATCH = 256


def densities() -> tuple[np.ndarray, np.ndarray]:
    """The data N(1, 0.5^2) and a generator N(-0.5, 1), as masses on the grid."""
    return GRID.masses(lambda x: _normal(x, 1.0, 0.5)), GRID.masses(lambda x: _normal(x, -0.5, 1.0))


def approach(*, seed: int = 0, lr: float = 1e-3, steps: int = MOMENTS[-1]) -> dict[int, np.ndarray]:
    """D on the grid after k minimax steps by Adam, for the k of `MOMENTS` up to `steps`."""
    torch.manual_seed(seed)
    discriminator = MLPDiscriminator(shape=(1,), hidden=(64, 64))
    optimizer = torch.optim.Adam(discriminator.parameters(), lr=lr, betas=(0.5, 0.999))
    objective, points = Minimax(), torch.tensor(GRID.points, dtype=torch.float32)[:, None]
    seen: dict[int, np.ndarray] = {}
    for k in range(steps + 1):
        if k in MOMENTS:
            with torch.no_grad():
                seen[k] = discriminator(points).value.double().sigmoid().numpy()
        x_real, x_fake = _draw(1.0, 0.5), _draw(-0.5, 1.0)
        match = Match(x_real, x_fake, discriminator(x_real), discriminator(x_fake))
        optimizer.zero_grad()
        objective.d_loss(match).backward()
        optimizer.step()
    return seen


def steps_figure(*, seeds: int = 5, steps: int = MOMENTS[-1]) -> Figure:
    """D after a few steps beside D*, and ||D - D*|| against the number of steps."""
    p, q = densities()
    runs = [approach(seed=seed, steps=steps) for seed in range(seeds)]
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.fill_between(GRID.points, p / GRID.weights, color="black", alpha=0.15, label="$p_{data}$")
    left.fill_between(GRID.points, q / GRID.weights, color="tab:green", alpha=0.25, label="$p_g$")
    left.plot(GRID.points, optimal_discriminator(p, q), "k--", label="$D^*$")
    for k in [k for k in (0, 20, 100, 1000) if k in runs[0]]:
        left.plot(GRID.points, runs[0][k], label=f"D after {k}", linewidth=1.2)
    left.set(xlim=(-4, 4), xlabel="x", ylabel="density; D")
    left.legend(fontsize=8, loc="upper left")
    for run in runs:
        distances = [distance_to_optimal(p, q, d) for d in run.values()]
        right.plot(list(run), distances, "o-", markersize=3, alpha=0.7)
    right.set_xscale("symlog", linthresh=1)
    right.set(xlabel="k, steps of D with G at rest", ylabel=r"$\|D - D^*\|$", ylim=(0, None))
    right.grid(alpha=0.3)
    right.set_title(f"{len(runs)} initialisations", fontsize=10)
    return figure


def _draw(mean: float, std: float) -> Tensor:
    return mean + std * torch.randn(BATCH, 1)


def _normal(x: np.ndarray, mean: float, std: float) -> np.ndarray:
    return np.exp(-(((x - mean) / std) ** 2) / 2) / (std * np.sqrt(2 * np.pi))


ILLUSTRATION = Illustration("the distance of D from D* against its number of steps", steps_figure)
