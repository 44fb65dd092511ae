"""Generated points against a Gaussian mixture that is known: modes, quality, reverse KL."""

import math
from pathlib import Path

import torch
from torch import Tensor

from ganlab.data import DataSource, GaussianMixture
from ganlab.errors import ConfigError
from ganlab.evaluation.result import JSON, Evaluation, Result, Sampler, sampled

STANDARD_DEVIATIONS = 3.0  # within which a point is of high quality


class MixtureEvaluation(Evaluation):
    """PacGAN's measures of mode coverage: ``modes``, ``high_quality`` and ``reverse_kl``.

    Args:
        data: a `GaussianMixture`.
        cache: unused; every evaluation is given one.
        n_fake: points to measure, >= 1; the paper's tables have 2,500.
        batch_size: points asked for at a time, >= 1.
        seed: of the latents.

    Source: Lin et al. 2018, PacGAN: The power of two samples in generative adversarial networks, section 4.1.
    """

    def __init__(
        self, *, data: DataSource, cache: Path | str | None = None, n_fake: int = 2500,
        batch_size: int = 2500, seed: int = 0,
    ) -> None:  # fmt: skip
        if n_fake < 1:
            raise ValueError(f"n_fake must be at least 1, got {n_fake}")
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        if not isinstance(data, GaussianMixture):
            raise ConfigError(f"evaluation=mixture measures Gaussian mixtures, data={data.name} is not one")
        self.data, self.n_fake, self.batch_size, self.seed = data, n_fake, batch_size, seed
        self.directions = {"modes": "max", "high_quality": "max", "reverse_kl": "min"}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.directions)

    def __call__(self, sample: Sampler, *, device: torch.device | str = "cpu") -> Result:
        points = []
        for start in range(0, self.n_fake, self.batch_size):
            n = min(self.batch_size, self.n_fake - start)
            points.append(sampled(sample, n, start, shape=self.data.shape).double().cpu())
        metrics = mode_metrics(torch.cat(points), self.data.means, self.data.std)
        protocol: dict[str, JSON] = {
            "n_fake": self.n_fake, "reference": self.data.name, "modes_of": len(self.data.means),
            "std": self.data.std, "high_quality_within": STANDARD_DEVIATIONS, "seed": self.seed,
        }  # fmt: skip
        return Result(metrics, protocol)

    def prefetch(self) -> list[Path]:
        return []


def mode_metrics(x: Tensor, means: Tensor, std: float) -> dict[str, float]:
    """PacGAN's measures of points (N, d) for modes (K, d) of one standard deviation.

    Returns:
        modes: how many have a high-quality point, one within 3 standard deviations of its nearest mode.
        high_quality: share of such points, in [0, 1].
        reverse_kl: KL(histogram of high-quality points over modes || uniform) in nats, in [0, ln K];
            ln K, the value of a single mode, if there is no such point.
    """
    distance, mode = torch.cdist(x.double(), means).min(1)
    good = distance <= STANDARD_DEVIATIONS * std
    counts = torch.bincount(mode[good], minlength=len(means)).double()
    share = counts / counts.sum().clamp(min=1)
    entropy = -torch.special.xlogy(share, share).sum().item()
    return {
        "modes": float((counts > 0).sum().item()),
        "high_quality": good.double().mean().item(),
        "reverse_kl": math.log(len(means)) - entropy,
    }
