"""What every evaluation is: it takes a function that makes samples, and gives numbers with their protocol."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from ganlab.data import DataSource
from ganlab.errors import EvaluationError

JSON = str | int | float | bool | list | dict | None

Sampler = Callable[[int, int], Tensor]
"""``sample(n, start)``: the fakes at global positions start .. start + n - 1, whatever the batch size."""


@dataclass(frozen=True)
class Result:
    """The numbers of one evaluation, and how they came about.

    Attributes:
        metrics: by name, without the ``eval/`` of the log; only ``fid`` and ``fid_<extractor>`` contain fid.
        protocol: all that another number must share to be comparable; the caller adds what it knows alone
            (EMA or raw weights, images seen, truncation).
    """

    metrics: dict[str, float] = field(default_factory=dict)
    protocol: dict[str, JSON] = field(default_factory=dict)


class Evaluation(ABC):
    """Measures samples against a data set; knows nothing of how they are made.

    Attributes:
        n_fake: how many samples it asks for.
        seed: of the latents; the caller makes them from it, the protocol records it.
        directions: which way is better, "min" or "max", of the metrics of which a best value is kept.
    """

    n_fake: int
    seed: int
    directions: Mapping[str, str]

    @abstractmethod
    def __call__(self, sample: Sampler, *, device: torch.device | str = "cpu") -> Result:
        """Measure `n_fake` samples; draws nothing from the global random number generators itself."""

    @abstractmethod
    def prefetch(self) -> list[Path]:
        """Fetch what an evaluation would download, for machines without internet; returns the files."""


class NoEvaluation(Evaluation):
    """Measures nothing: the grids and checkpoints that go with an evaluation are made all the same."""

    def __init__(self, *, data: DataSource, cache: Path | str | None = None) -> None:
        self.n_fake, self.seed, self.directions = 0, 0, {}

    def __call__(self, sample: Sampler, *, device: torch.device | str = "cpu") -> Result:
        return Result()

    def prefetch(self) -> list[Path]:
        return []


def sampled(sample: Sampler, n: int, start: int, *, shape: tuple[int, ...]) -> Tensor:
    """Call `sample` and check what it gives: uint8 images (n, C, H, W), or floating point points (n, d).

    Raises EvaluationError if it is anything else.
    """
    x = sample(n, start)
    fits = x.dtype == torch.uint8 if len(shape) == 3 else x.is_floating_point()
    if not fits or tuple(x.shape) != (n, *shape):
        kind = "uint8 images" if len(shape) == 3 else "points"
        raise EvaluationError(f"asked for {kind} {(n, *shape)}, got {tuple(x.shape)} of {x.dtype}")
    return x
