"""On data whose density is known: how far the generator and D really are from where they should be."""

from typing import Any, NamedTuple

import lightning as L
import numpy as np
import torch
from torch import Tensor

from ganlab.callbacks.clock import OnClock
from ganlab.callbacks.metrics import MetricsLog
from ganlab.data import GaussianMixture
from ganlab.evaluation.mixtures import lattice
from ganlab.sampling import generate
from ganlab.theory.distributions import Grid, normalised
from ganlab.theory.divergences import jensen_shannon
from ganlab.theory.optimal import distance
from ganlab.theory.transport import wasserstein, wasserstein_line

_SAMPLES = 4096  # of G
_PAIRED = 400  # of each, for transport in space: its cost grows with their square
_BINS = 5  # to a standard deviation


class Cells(NamedTuple):
    """A partition of space.

    Attributes:
        points: (C, d) float64, one in each cell.
        real, fake: (C,) masses of the data and of the generator.
    """

    points: np.ndarray
    real: np.ndarray
    fake: np.ndarray


class Truth(OnClock):
    """Writes ``truth/jsd``, ``truth/w1`` and ``truth/discriminator``, of G itself, not its average.

    JSD (nats): over the cells of `cells`.  W1: on the line between their masses, in space between 400 samples of each.
    Both are above 0 for as many samples of the data, at ``truth/jsd_floor`` and ``truth/w1_floor``.
    ``truth/discriminator``: root mean square of D's output less the objective's optimum for the two masses, over the
    samples that D is shown; where the objective knows it, and D sees single samples.
    """

    def __init__(
        self, data: GaussianMixture, metrics: MetricsLog, *, every: int, budget: int, seed: int
    ) -> None:
        super().__init__(every=every, budget=budget)
        self.data, self.metrics, self.seed = data, metrics, seed
        self._real, _ = data.sample(_PAIRED, torch.Generator().manual_seed(0))
        others, _ = data.sample(_SAMPLES, torch.Generator().manual_seed(1))
        distances = self._distances(others, cells(data, others))
        self._floor = {f"{name}_floor": value for name, value in distances.items()}

    def act(self, trainer: L.Trainer, gan: Any) -> None:
        latents = gan.latent.numbered(0, _SAMPLES, seed=self.seed, purpose="truth")
        fakes = generate(gan.generator, latents, device=gan.device).double().cpu()
        if not fakes.isfinite().all():
            return  # a run that has blown up is stopped by others, with a better sentence
        where = cells(self.data, fakes)
        values = {**self._distances(fakes, where), **self._floor, **_discriminator(gan, where)}
        self.metrics.write(trainer, gan, values)

    def _distances(self, fakes: Tensor, where: Cells) -> dict[str, float]:
        if self.data.shape == (1,):
            w1 = wasserstein_line(where.points[:, 0], where.real, where.fake)
        else:
            w1 = wasserstein(self._real.numpy(), fakes[:_PAIRED].numpy()).distance
        return {"truth/jsd": jensen_shannon(where.real, where.fake), "truth/w1": w1}


def _discriminator(gan: Any, where: Cells) -> dict[str, float]:
    best = gan.objective.optimal_output(torch.from_numpy(where.real), torch.from_numpy(where.fake))
    if best is None or gan.game.packing > 1:
        return {}
    dtype = next(gan.discriminator.parameters()).dtype
    points = torch.from_numpy(where.points).to(gan.device, dtype)
    gan.discriminator.eval()
    with torch.no_grad():
        output = gan.objective.output(gan.discriminator(points).value).double().cpu()
    gan.discriminator.train()
    return {"truth/discriminator": distance(where.real, where.fake, output, best)}


def cells(data: GaussianMixture, fakes: Tensor) -> Cells:
    """Where the data or fakes (N, d) are: bins of a fifth of a standard deviation on the line, a `lattice` in space.

    A fake beyond the lattice, where the data have no mass, is a cell of its own.
    """
    if data.shape == (1,):
        return _bins(data, fakes[:, 0].numpy())
    centres, mixture, made, beyond = lattice(fakes, data.means, data.std)
    n = int(beyond.sum())
    seen = (mixture + made)[:-1] > 1e-12  # most of a lattice is empty
    real = torch.cat([mixture[:-1][seen], torch.zeros(n)])
    fake = torch.cat([made[:-1][seen], torch.full((n,), 1 / len(fakes))])
    points = torch.cat([centres[seen], fakes[beyond].double()])
    return Cells(points.numpy(), normalised(real.numpy()), normalised(fake.numpy()))


def _bins(data: GaussianMixture, fakes: np.ndarray) -> Cells:
    low = min(data.means.min().item() - 6 * data.std, fakes.min())
    high = max(data.means.max().item() + 6 * data.std, fakes.max())
    grid = Grid.line(low, high, int(np.clip((high - low) / data.std * _BINS, 2, 2000)) + 1)
    half = (grid.points[1] - grid.points[0]) / 2
    counts, _ = np.histogram(fakes, np.append(grid.points - half, grid.points[-1] + half))
    real = data.log_prob(torch.tensor(grid.points)[:, None]).exp().numpy() * grid.weights
    return Cells(grid.points[:, None], normalised(real), normalised(counts))
