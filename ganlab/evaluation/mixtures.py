"""Generated points against a Gaussian mixture that is known: modes, quality, divergences, optimal transport."""

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from ganlab.data import DataSource, GaussianMixture
from ganlab.errors import ConfigError, EvaluationError
from ganlab.evaluation.result import JSON, Evaluation, Result, Sampler, Tick, library_versions, sampled
from ganlab.evaluation.shards import Shards
from ganlab.randomness import fold

STANDARD_DEVIATIONS = 3.0  # within which a point is of high quality
MOST_CELLS = 2**22  # of the lattice that the Jensen-Shannon divergence is worked out on
MOST_POINTS = 2500  # that are transported: the exact plan costs the cube of them


class MixtureEvaluation(Evaluation):
    """PacGAN's measures of mode coverage, ``modes``, ``high_quality`` and ``reverse_kl``, and two distances.

    ``jsd`` is the Jensen-Shannon divergence over the cells of a lattice, see `lattice_jsd`.  ``w1`` is the Wasserstein-1
    distance to as many points of the mixture, exact for those points; it takes a second or more and is measured
    where it is asked for.

    Args:
        data: a `GaussianMixture`.
        cache: unused; every evaluation is given one.
        metrics: names of those to measure where none are asked for; None: all but ``w1``.
        n_fake: points to measure, >= 1; the paper's tables have 2,500.
        batch_size: points asked for at a time, >= 1.
        seed: of the latents.

    Source: Lin et al. 2018, PacGAN: The power of two samples in generative adversarial networks, section 4.1.
    """

    def __init__(
        self, *, data: DataSource, cache: Path | str | None = None, metrics: list[str] | None = None,
        n_fake: int = 2500, batch_size: int = 2500, seed: int = 0,
    ) -> None:  # fmt: skip
        if n_fake < 1:
            raise ValueError(f"n_fake must be at least 1, got {n_fake}")
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        if not isinstance(data, GaussianMixture):
            raise ConfigError(f"evaluation=mixture measures Gaussian mixtures, data={data.name} is not one")
        self.data, self.n_fake, self.batch_size, self.seed = data, n_fake, batch_size, seed
        self.directions = {
            "modes": "max",
            "high_quality": "max",
            "reverse_kl": "min",
            "jsd": "min",
            "w1": "min",
        }
        self.selects, self._metrics = "jsd", metrics

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.directions)

    @property
    def standard(self) -> tuple[str, ...]:
        return self.choose(
            [name for name in self.names if name != "w1"] if self._metrics is None else self._metrics
        )

    def __call__(
        self, sample: Sampler, *, device: torch.device | str = "cpu", metrics: Sequence[str] | None = None,
        tick: Tick | None = None,
    ) -> Result:  # fmt: skip
        wanted, shards = self.choose(metrics), Shards()

        def run() -> Tensor:
            numbers = shards.positions(self.n_fake)
            if tick is not None:
                tick("samples", 0, self.n_fake)
            parts = [torch.empty(0, *self.data.shape, dtype=torch.float64, device=device)]
            for start in range(0, len(numbers), self.batch_size):
                some = numbers[start : start + self.batch_size]
                parts.append(sampled(sample, some, shape=self.data.shape).to(device).double())
                if tick is not None:
                    tick("samples", len(some) * shards.world, self.n_fake)
            return torch.cat(parts)

        points = shards.rows(shards.together(run), torch.ones(self.n_fake, dtype=torch.bool))
        found = shards.first(lambda: self._numbers(points.cpu(), wanted))
        protocol: dict[str, JSON] = {
            "n_fake": self.n_fake, "reference": self.data.name, "reference_sha256": _sha256(self.data),
            "modes_of": len(self.data.means), "std": self.data.std, "high_quality_within": STANDARD_DEVIATIONS,
            "points_transported": min(self.n_fake, MOST_POINTS), "dtype": "float64", "batch_size": self.batch_size,
            "seed": self.seed, **library_versions("ganlab", "torch", "pot"),
        }  # fmt: skip
        return Result({name: found[name] for name in self.names if name in found}, protocol)

    def _numbers(self, points: Tensor, wanted: Sequence[str]) -> dict[str, float]:
        found = mode_metrics(points, self.data.means, self.data.std)
        if "jsd" in wanted:
            found["jsd"] = lattice_jsd(points, self.data.means, self.data.std)
        if "w1" in wanted:
            points = points[:MOST_POINTS]
            generator = torch.Generator().manual_seed(fold(self.data.name, "transport"))
            found["w1"] = transport_distance(points, self.data.sample(len(points), generator)[0])
        return {name: found[name] for name in wanted}

    def prefetch(self) -> list[Path]:
        return []


def _sha256(data: GaussianMixture) -> str:
    """Of the means and the standard deviation of the modes."""
    numbers = torch.cat([data.means.flatten(), torch.tensor([data.std], dtype=torch.float64)])
    return hashlib.sha256(f"{tuple(data.means.shape)} ".encode() + numbers.numpy().tobytes()).hexdigest()


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


class Lattice(NamedTuple):
    """Cells of space, with the masses that a mixture and some points have in them.

    Attributes:
        centres: (C, d) of the cells.
        mixture, points: (C + 1,) masses, float64; the last is of all that lies beyond the cells.
        beyond: (N,) which of the points lie there.
    """

    centres: Tensor
    mixture: Tensor
    points: Tensor
    beyond: Tensor


def lattice(x: Tensor, means: Tensor, std: float) -> Lattice:
    """Cells one std wide that end 5 std outside the modes, for points (N, d) and a mixture with modes (K, d).

    The mixture's mass in each cell is exact, products of differences of the error function.  The cells are wider
    where there would be more than `MOST_CELLS`.
    """
    low, high = means.min(0).values - 5 * std, means.max(0).values + 5 * std
    dimensions = len(low)
    width = max(std, ((high - low).prod() / MOST_CELLS).item() ** (1 / dimensions))
    cells = ((high - low) / width).ceil().long().clamp(min=1)
    edges = [
        low[axis] + width * torch.arange(int(n) + 1, dtype=torch.float64) for axis, n in enumerate(cells)
    ]
    mass = torch.ones(len(means), 1, dtype=torch.float64)
    for axis in range(dimensions):
        inside = torch.special.ndtr((edges[axis] - means[:, axis, None]) / std).diff(dim=1)
        mass = (mass[:, :, None] * inside[:, None]).flatten(1)  # (K, cells of the axes so far)
    p = mass.mean(0)
    place = ((x.double() - low) / width).floor()
    beyond = ((place < 0) | (place >= cells)).any(1)
    number = torch.zeros(len(x), dtype=torch.long)
    for axis in range(dimensions):
        number = number * cells[axis] + place[:, axis].clamp(0, int(cells[axis]) - 1).long()
    q = torch.bincount(number[~beyond], minlength=len(p)).double() / len(x)
    p, q = (torch.cat([a, (1 - a.sum()).clamp(min=0)[None]]) for a in (p, q))
    centres = torch.cartesian_prod(*(edge[:-1] + width / 2 for edge in edges)).view(-1, dimensions)
    return Lattice(centres, p, q, beyond)


def lattice_jsd(x: Tensor, means: Tensor, std: float) -> float:
    """Jensen-Shannon divergence in nats, in [0, ln 2], between points (N, d) and a mixture, over a `lattice`.

    It is a lower bound of the divergence of the densities, plus the bias of counting: about
    (occupied cells) / (8 N) for points of the mixture itself.
    """
    _, p, q, _ = lattice(x, means, std)
    middle = (p + q) / 2
    kl = [torch.special.xlogy(a, a) - torch.special.xlogy(a, middle) for a in (p, q)]
    return max(0.0, (kl[0] + kl[1]).sum().item() / 2)


def transport_distance(x: Tensor, y: Tensor) -> float:
    """Exact Wasserstein-1 distance between as many points (N, d) each, Euclidean, by POT's network simplex.

    Raises EvaluationError where POT is not installed.
    """
    try:
        import ot
    except ImportError as error:
        raise EvaluationError("w1 needs the package POT: pip install pot") from error
    if x.shape[1] == 1:
        return (x[:, 0].double().sort().values - y[:, 0].double().sort().values).abs().mean().item()
    cost = torch.cdist(x.double(), y.double())
    return float(ot.emd2([], [], cost.numpy(), numItermax=10**7))
