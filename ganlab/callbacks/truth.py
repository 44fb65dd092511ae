"""On data whose density is known: how far the generator and D really are from where they should be."""

from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor

from ganlab.callbacks.clock import OnClock
from ganlab.callbacks.metrics import MetricsLog
from ganlab.data import GaussianMixture
from ganlab.objectives import Minimax
from ganlab.sampling import generate
from ganlab.theory.distributions import Grid, normalised
from ganlab.theory.divergences import jensen_shannon
from ganlab.theory.optimal import distance_to_optimal
from ganlab.theory.transport import wasserstein

_SAMPLES = 4096  # of G, for histograms
_PAIRED = 400  # of each, for transport: its cost grows with their square
_BINS = 5  # to a standard deviation


class Truth(OnClock):
    """Writes ``truth/jsd``, ``truth/w1`` and, on the line, ``truth/discriminator``, of G itself, not its average.

    JSD (nats): on the line over bins of a fifth of a standard deviation; elsewhere over the modes, within three
    standard deviations, and the rest, which bounds it from below.  W1: of 400 samples each, whose own randomness
    keeps it above 0.  ``truth/discriminator``: ||D - D*|| where D gives a probability.
    """

    def __init__(
        self, data: GaussianMixture, metrics: MetricsLog, *, every: int, budget: int, seed: int
    ) -> None:
        super().__init__(every=every, budget=budget)
        self.data, self.metrics, self.seed = data, metrics, seed
        self._real, _ = data.sample(_PAIRED, torch.Generator().manual_seed(0))

    def act(self, trainer: L.Trainer, gan: Any) -> None:
        latents = gan.latent.numbered(0, _SAMPLES, seed=self.seed, purpose="truth")
        fakes = generate(gan.generator, latents, device=gan.device).double().cpu()
        if not fakes.isfinite().all():
            return  # a run that has blown up is stopped by others, with a better sentence
        values = {"truth/w1": wasserstein(self._real.numpy(), fakes[:_PAIRED].numpy()).distance}
        if self.data.shape == (1,):
            values |= self._on_the_line(gan, fakes[:, 0].numpy())
        else:
            values["truth/jsd"] = jensen_shannon(*modes_of(self.data, fakes))
        self.metrics.write(trainer, gan, values)

    def _on_the_line(self, gan: Any, fakes: np.ndarray) -> dict[str, float]:
        grid, real, fake = histograms(self.data, fakes)
        values = {"truth/jsd": jensen_shannon(real, fake)}
        if isinstance(gan.objective, Minimax) and gan.game.packing == 1:
            points = torch.tensor(grid.points, device=gan.device)[:, None].to(
                next(gan.generator.parameters()).dtype
            )
            gan.discriminator.eval()
            with torch.no_grad():
                probabilities = gan.objective.output(gan.discriminator(points).value).double().cpu().numpy()
            gan.discriminator.train()
            values["truth/discriminator"] = distance_to_optimal(real, fake, probabilities)
        return values


def histograms(data: GaussianMixture, fakes: np.ndarray) -> tuple[Grid, np.ndarray, np.ndarray]:
    """A grid that holds the data and the fakes, and the masses of both in the bins around its points."""
    low = min(data.means.min().item() - 6 * data.std, fakes.min())
    high = max(data.means.max().item() + 6 * data.std, fakes.max())
    n = int(np.clip((high - low) / data.std * _BINS, 2, 2000)) + 1
    grid = Grid.line(low, high, n)
    half = (grid.points[1] - grid.points[0]) / 2
    counts, _ = np.histogram(fakes, np.append(grid.points - half, grid.points[-1] + half))
    real = data.log_prob(torch.tensor(grid.points)[:, None]).exp().numpy() * grid.weights
    return grid, normalised(real), normalised(counts)


def modes_of(data: GaussianMixture, fakes: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Masses within three standard deviations of each mode and, last, elsewhere: of the data, and of the fakes."""
    k, dimensions = len(data.means), data.shape[0]
    inside = torch.special.gammainc(torch.tensor(dimensions / 2), torch.tensor(4.5)).item()  # chi^2 below 9
    distance, mode = torch.cdist(fakes, data.means).min(1)
    mode[distance > 3 * data.std] = k
    real = np.append(np.full(k, inside / k), 1 - inside)
    return normalised(real), normalised(torch.bincount(mode, minlength=k + 1).numpy())
