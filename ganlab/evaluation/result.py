"""What every evaluation is: it takes a function that makes samples, and gives numbers with their protocol."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
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

    def only(self, wanted: Sequence[str] | None) -> "Result":
        """The same with only the metrics that `wanted` names (see `choose`), in that order; None: all."""
        names = choose(wanted, list(self.metrics)) if wanted is not None else list(self.metrics)
        return replace(self, metrics={name: self.metrics[name] for name in names})


def choose(wanted: Sequence[str], names: Sequence[str]) -> list[str]:
    """The names that are wanted; ``fid`` will do for ``fid_digits`` where there is no plain ``fid``.

    Raises EvaluationError for a name that is not among them, or if there are none at all.
    """
    if not names:
        raise EvaluationError("this evaluation measures nothing; choose one, such as evaluation=inception")
    extractors = {name.removeprefix("coverage_") for name in names if name.startswith("coverage_")}
    short = {name.removesuffix(f"_{e}"): name for e in extractors for name in names if name.endswith(f"_{e}")}
    known = short | {name: name for name in names}
    for name in wanted:
        if name not in known:
            near = get_close_matches(name, known, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"there is {', '.join(names)}"
            raise EvaluationError(f"this evaluation has no metric '{name}'; {hint}")
    return list(dict.fromkeys(known[name] for name in wanted))


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

    @property
    def names(self) -> tuple[str, ...] | None:
        """Of all metrics it will give, if they are known before it measures."""
        return None

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

    @property
    def names(self) -> tuple[str, ...]:
        return ()

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


def measure(
    evaluation: Evaluation,
    sample: Sampler,
    *,
    metrics: Sequence[str] | None,
    device: torch.device | str | None,
) -> Result:
    """Evaluate and keep the metrics that are wanted; a name that does not exist is told before the work.

    Raises EvaluationError for an unknown metric or device, or an evaluation that measures nothing.
    """
    if (names := evaluation.names) is not None:
        choose(metrics or [], names)
    return evaluation(sample, device=usable_device(device)).only(metrics)


def usable_device(device: torch.device | str | None) -> torch.device:
    """The device of this name, or a GPU if there is one; raises EvaluationError where torch has no such device."""
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise EvaluationError(f"there is no device '{device}' here: {str(error).splitlines()[0]}") from error
    return torch.device(device)
