"""The original paper's figure 1, from a real run: densities, D, D*, and the map from z to x."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import ganlab
from ganlab import config
from ganlab.data import GaussianMixture
from ganlab.errors import GanlabError
from ganlab.illustrations import Illustration
from ganlab.run import Run
from ganlab.theory.distributions import Grid, normalised, pushforward
from ganlab.theory.divergences import jensen_shannon
from ganlab.theory.optimal import optimal_discriminator

# As the paper's figure, without a penalty; but z is Gaussian: a smooth map of an interval leaves p_g with edges, which
# D is right to see for ever.  A few D steps keep D near D*.
SETTINGS = (
    "experiment=gaussian1d", "objective=non_saturating", "penalty=[]", "network.latent=normal",
    "network.latent_dim=1", "network.generator.hidden=[32]", "network.discriminator.hidden=[64,64]",
    "network.generator.activation=leaky_relu", "network.discriminator.activation=tanh",
    "game.n_critic=3", "optimizer.discriminator.lr=0.001", "optimizer.generator.lr=0.001",
    "optimizer.schedule=linear", "ema.half_life=0", "data.mean=2.0", "data.std=0.7", "evaluation=none",
    "wandb.mode=disabled", "trainer=cpu", "seed=5", "budget.images=768000", "evaluation.every=768000",
    "checkpoint.every=38400", "checkpoint.keep=20", "log.every=76800",
)  # fmt: skip
SHOWN = (38_400, 115_200, 153_600, 768_000)  # images, one panel each
_QUANTILES = torch.linspace(0, 1, 8003, dtype=torch.float64)[1:-1]
LATENTS = torch.special.ndtri(_QUANTILES)[:, None]  # of z; G of them is in equal shares


@dataclass(frozen=True)
class Moment:
    """The game as it stood after some images.

    Attributes:
        images: real images that D had seen.
        grid: of the line.
        real, fake: masses of the data and of the generator on the grid.
        discriminator: D's probabilities on the grid.
        samples: (21, 2) pairs of z and x = G(z), at quantiles of z that are evenly spaced.
    """

    images: int
    grid: Grid
    real: np.ndarray
    fake: np.ndarray
    discriminator: np.ndarray
    samples: np.ndarray

    @property
    def jsd(self) -> float:
        """Of the data and the generator, in nats."""
        return jensen_shannon(self.real, self.fake)


def moment(run: Run) -> Moment:
    """The players of a checkpoint; raises GanlabError unless data, z and D are such as can be drawn."""
    cfg = run.config
    source = config.instantiate(cfg.data, "data")
    if not isinstance(source, GaussianMixture) or source.shape != (1,) or cfg.network.latent_dim != 1:
        raise GanlabError("the figure needs a mixture on the line and network.latent_dim=1")
    objective = config.instantiate(cfg.objective, "objective")
    low, high = (source.means.min() - 6 * source.std).item(), (source.means.max() + 6 * source.std).item()
    grid = Grid.line(min(low, -2.0), high, 601)
    points = torch.tensor(grid.points, dtype=torch.float64)[:, None]
    with torch.no_grad():
        made = run.generator(averaged=False)(LATENTS.float())[:, 0].double().numpy()
        judged = objective.output(run.discriminator()(points.float()).value).double().numpy()
    half = (grid.points[1] - grid.points[0]) / 2
    fake = pushforward(made, np.append(grid.points - half, grid.points[-1] + half))
    return Moment(
        images=int(run.checkpoint.stem), grid=grid,
        real=normalised(source.log_prob(points).exp().numpy() * grid.weights), fake=normalised(fake),
        discriminator=judged, samples=np.stack([LATENTS[:, 0], made], axis=1)[200::380],
    )  # fmt: skip


def moments() -> list[Moment]:
    """Train the run of `SETTINGS` in a temporary folder; what it was at `SHOWN`."""
    with tempfile.TemporaryDirectory() as folder:
        run = ganlab.train(ganlab.compose([*SETTINGS, f"run.root={folder}", "run.name=figure"]))
        return [moment(ganlab.load(Path(run.folder.checkpoint(images)))) for images in SHOWN]


def original_figure(shown: list[Moment] | None = None) -> Figure:
    """One panel a moment; trains the run unless its moments are given."""
    shown = moments() if shown is None else shown
    figure = Figure(figsize=(3.4 * len(shown), 5), layout="constrained")
    axes = figure.subplots(2, len(shown), sharey="row", height_ratios=[3, 1], squeeze=False)
    z, x = shown[-1].samples[[0, -1]].T
    upright = float(np.sign((z[1] - z[0]) * (x[1] - x[0])))
    for i, now in enumerate(shown):
        _draw_densities(axes[0, i], now)
        _draw_map(axes[1, i], now, upright)
    axes[0, 0].set_ylabel("density; D")
    axes[0, -1].legend(loc="upper left", fontsize=8)
    return figure


def _draw_densities(axis: Axes, now: Moment) -> None:
    x = now.grid.points
    width = x[1] - x[0]
    best = optimal_discriminator(now.real, now.fake)
    best[(now.real + now.fake) / width < 0.01] = np.nan  # nothing is there that D could be shown
    axis.plot(x, now.real / width, "k:", label="$p_{data}$")
    axis.plot(x, now.fake / width, color="tab:green", label="$p_g$")
    axis.plot(x, now.discriminator, "--", color="tab:blue", label="$D$")
    axis.plot(x, best, color="tab:blue", alpha=0.35, linewidth=3, label="$D^*$ where there are samples")
    axis.axhline(0.5, color="grey", linewidth=0.6)
    axis.set(xlim=x[[0, -1]], ylim=(0, 1.3), xlabel="x")
    axis.set_title(f"{now.images:,} images: JSD {now.jsd:.3f} nats", fontsize=10)


def _draw_map(axis: Axes, now: Moment, upright: float) -> None:
    """Arrows from z, whose line is below, up to x = G(z), whose line is the axis of the panel above.

    The sign of z means nothing: its line runs the way in which the map ends up increasing.
    """
    low, high = now.grid.points[[0, -1]]
    middle, unit = (low + high) / 2, upright * (high - low) / 6  # z from -3 to 3 across the panel
    for z, x in now.samples:
        axis.annotate("", (x, 1), (middle + unit * z, 0), arrowprops={"arrowstyle": "->", "linewidth": 0.6})
    ticks = np.arange(-2, 3)
    axis.set_xticks(middle + unit * ticks, labels=[f"{tick}" for tick in ticks])
    axis.set(xlim=(low, high), ylim=(0, 1), yticks=[0, 1], yticklabels=["z", "x"], xlabel="z")


ILLUSTRATION = Illustration("the original paper's figure 1, from a real run on the line", original_figure)
