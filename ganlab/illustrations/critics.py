"""Weight clipping against a gradient penalty: the value surfaces of two critics (WGAN-GP's figure 1)."""

from dataclasses import dataclass

import torch
from matplotlib.figure import Figure
from torch import Tensor

from ganlab.constraints import WeightClipping
from ganlab.data.mixtures import Grid, Ring
from ganlab.illustrations import Illustration
from ganlab.networks import MLPDiscriminator
from ganlab.objectives import Match, Wasserstein
from ganlab.penalties import GradientPenalty, input_gradients
from ganlab.randomness import Draws
from ganlab.theory.transport import duality_gap

SIDE = 60  # points a side of the lattice on which a surface is drawn
BATCH = 256


@dataclass(frozen=True)
class Surface:
    """A critic trained between a mixture and the same mixture with noise, seen on a lattice.

    Attributes:
        ticks: (SIDE,) of both axes.
        values, slopes: (SIDE, SIDE) of the critic and of its gradient's norm; the first index is y.
        proven: share of W1 that the critic proves on a sample, by `duality_gap`, at most 1.
        points: (N, 2) of the data.
    """

    ticks: Tensor
    values: Tensor
    slopes: Tensor
    proven: float
    points: Tensor


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
    return _surface(critic, data, noise)


def critics_figure(*, steps: int = 3000) -> Figure:
    """Values (colour, levels) and slopes of a clipped and of a penalised critic, on a ring and on a grid."""
    figure = Figure(figsize=(13, 6.4), layout="constrained")
    axes = figure.subplots(2, 4)
    for row, (name, (data, noise)) in enumerate(mixtures().items()):
        for side, clipping in enumerate((True, False)):
            surface = train_critic(data, noise, clipping=clipping, steps=steps)
            value, slope = axes[row, 2 * side], axes[row, 2 * side + 1]
            how = "clipping at 0.1" if clipping else "gradient penalty"
            ticks = surface.ticks.numpy()
            value.contourf(ticks, ticks, surface.values.numpy(), levels=20, cmap="viridis")
            value.scatter(*surface.points.numpy().T, s=1, color="white")
            value.set_title(f"{name}, {how}: proves {100 * surface.proven:.0f} % of $W_1$", fontsize=10)
            drawn = slope.pcolormesh(ticks, ticks, surface.slopes.numpy(), cmap="magma")
            figure.colorbar(drawn, ax=slope)
            slope.set_title("norm of its gradient", fontsize=10)
            for axis in (value, slope):
                axis.set(aspect="equal", xticks=[], yticks=[])
    return figure


def _pair(data: Ring | Grid, noise: float, n: int) -> tuple[Tensor, Tensor]:
    real, fake = data.sample(n)[0].float(), data.sample(n)[0].float()
    return real, fake + noise * torch.randn(n, 2)


def _surface(critic: MLPDiscriminator, data: Ring | Grid, noise: float) -> Surface:
    reach = 1.3 * data.means.abs().max().item()
    ticks = torch.linspace(-reach, reach, SIDE)
    lattice = torch.cartesian_prod(ticks, ticks)  # the first column is x and varies slowest
    slopes = input_gradients(critic, lattice).detach().norm(dim=1)
    x_real, x_fake = _pair(data, noise, 400)
    with torch.no_grad():
        values, scores = critic(lattice).value, critic(torch.cat([x_real, x_fake])).value
    gap = duality_gap(scores.numpy(), x_real.numpy(), x_fake.numpy())
    square = (SIDE, SIDE)
    return Surface(ticks, values.view(square).T, slopes.view(square).T, gap.bound / gap.distance, x_real)


ILLUSTRATION = Illustration("value surfaces of a clipped and of a penalised critic", critics_figure)
