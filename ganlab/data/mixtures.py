"""Gaussian mixtures whose density is known, so that a generator can be held against the truth."""

import math

import torch
from torch import Tensor

from ganlab.data.source import DataSource, TensorSet
from ganlab.randomness import fold


class GaussianMixture(DataSource):
    """Equally weighted isotropic Gaussians, sampled once into a training set.

    Attributes:
        means: (K, d) float64 centres of the modes.
        std: standard deviation of every mode.
    """

    splits = ("train", "held_out")

    def __init__(self, *, name: str, means: Tensor, std: float, n: int) -> None:
        if std <= 0:
            raise ValueError(f"std must be positive, got {std}")
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}")
        self.name, self.means, self.std, self.n = name, means.double(), std, n
        self.shape = (means.shape[1],)
        self.classes = tuple(f"mode {k}" for k in range(len(means)))

    def _load(self, split: str) -> TensorSet:
        x, y = self.sample(self.n, torch.Generator().manual_seed(fold(self.name, split)))
        return TensorSet(f"{self.name}/{split}", x.float(), y)

    def sample(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Draw n points (n, d) float64 and the modes they came from (n,)."""
        y = torch.randint(len(self.means), (n,), generator=generator)
        noise = torch.randn(n, *self.shape, generator=generator, dtype=torch.float64)
        return self.means[y] + self.std * noise, y

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density in nats at points (N, d); returns (N,) float64."""
        squared = torch.cdist(x.double(), self.means).square() / self.std**2
        dimensions = self.means.shape[1]
        normaliser = dimensions * math.log(self.std * math.sqrt(2 * math.pi)) + math.log(len(self.means))
        return torch.logsumexp(-squared / 2, dim=1) - normaliser


class Ring(GaussianMixture):
    """Modes evenly spaced on a circle; the defaults are PacGAN's 2D-ring (Lin et al. 2018, section 4.1)."""

    def __init__(self, *, modes: int = 8, radius: float = 1.0, std: float = 0.01, n: int = 100_000) -> None:
        angles = torch.arange(modes, dtype=torch.float64) * (2 * math.pi / modes)
        means = radius * torch.stack([angles.cos(), angles.sin()], dim=1)
        super().__init__(name="ring", means=means, std=std, n=n)


class Grid(GaussianMixture):
    """A square lattice of modes; the defaults are PacGAN's 2D-grid: 5x5 modes at {-4, -2, 0, 2, 4}^2."""

    def __init__(self, *, side: int = 5, spacing: float = 2.0, std: float = 0.05, n: int = 100_000) -> None:
        ticks = spacing * (torch.arange(side, dtype=torch.float64) - (side - 1) / 2)
        super().__init__(name="grid", means=torch.cartesian_prod(ticks, ticks), std=std, n=n)


class Gaussian1d(GaussianMixture):
    """One Gaussian on the line, as in figure 1 of Goodfellow et al. (2014)."""

    def __init__(self, *, mean: float = 1.0, std: float = 0.5, n: int = 100_000) -> None:
        super().__init__(name="gaussian1d", means=torch.tensor([[mean]], dtype=torch.float64), std=std, n=n)
