"""What every evaluation is: it takes a function that makes samples, and gives numbers with their protocol."""

import copy
import statistics
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from ganlab.data import DataSource
from ganlab.errors import EvaluationError
from ganlab.versions import versions

JSON = str | int | float | bool | list | dict | None

Sampler = Callable[[range], Tensor]
"""``sample(numbers)``: the fakes with these numbers, the same whatever else is asked for and in which batches."""

Tick = Callable[[str, int, int], None]
"""``tick(what, done, total)``: so many more of `total` images of a kind are done, over all processes together; 0 when
the work on them begins."""


@dataclass(frozen=True)
class Result:
    """The numbers of one evaluation, and how they came about.

    Attributes:
        metrics: by name, without the ``eval/`` of the log; only ``fid`` and ``fid_<extractor>`` contain fid.
        protocol: all that another number must share to be comparable; the caller adds what it knows alone
            (EMA or raw weights, images seen, truncation).
        spread: sample standard deviation of each metric over sampling seeds; empty for one seed.
        details: what is more than a number: the class histogram, the pairs closest to the training set, the values
            of each seed.
        pairs: makes the pictures (P, 2, C, H, W) uint8 of `details`' closest pairs, sample and training image; None where
            they were not sought.
    """

    metrics: dict[str, float] = field(default_factory=dict)
    protocol: dict[str, JSON] = field(default_factory=dict)
    spread: dict[str, float] = field(default_factory=dict)
    details: dict[str, JSON] = field(default_factory=dict)
    pairs: Callable[[], Tensor] | None = field(default=None, repr=False, compare=False)

    def to_json(self) -> dict[str, dict[str, JSON]]:
        """All but the pictures."""
        return {name: value for name, value in vars(self).items() if name != "pairs"}


class Evaluation(ABC):
    """Measures samples against a data set; knows nothing of how they are made.

    Where torch.distributed is initialised, every process makes and measures its share of the samples, and all get the
    same result: call it on all of them.

    Attributes:
        n_fake: how many samples it asks for.
        seed: of the latents; the caller makes them from it, the protocol records it.
        directions: which way is better, "min" or "max", of the metrics of which a best value is kept.
        selects: the one of them by which the best checkpoint is chosen; None: none is.
    """

    n_fake: int
    seed: int
    directions: Mapping[str, str]
    selects: str | None = None

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Of all metrics that can be asked for."""

    @property
    def standard(self) -> tuple[str, ...]:
        """Names of the metrics that are measured where none are asked for."""
        return self.names

    @property
    def short(self) -> Mapping[str, tuple[str, ...]]:
        """What people may call them: ``fid`` for ``fid_digits``, ``prc`` for precision and recall."""
        return {}

    @abstractmethod
    def __call__(
        self, sample: Sampler, *, device: torch.device | str = "cpu", metrics: Sequence[str] | None = None,
        tick: Tick | None = None,
    ) -> Result:  # fmt: skip
        """Measure `n_fake` samples; draws nothing from the global random number generators itself.

        Args:
            metrics: some of `names`; None: the standard ones.
            tick: called before the first and after every batch.
        """

    def afresh(self, *, seed: int, n_fake: int | None) -> Self:
        """The same evaluation of other samples, as many as before where `n_fake` is None."""
        other = copy.copy(self)
        other.seed, other.n_fake = seed, n_fake or self.n_fake
        return other

    @abstractmethod
    def prefetch(self) -> list[Path]:
        """Fetch what an evaluation would download, for machines without internet; returns the files."""

    def choose(self, wanted: Sequence[str] | None) -> tuple[str, ...]:
        """The metrics that are wanted by name or short name, each once; None or ``standard``: the standard ones.

        Raises EvaluationError for a name that is not among them, or if there are none at all.
        """
        if wanted is None:
            return self.standard
        if not self.names:
            raise EvaluationError(
                "this evaluation measures nothing; choose one, such as evaluation=inception"
            )
        known = {**{name: (name,) for name in self.names}, **self.short}
        for name in wanted:
            if name not in known and name != "standard":
                near = get_close_matches(name, known, n=3)
                hint = f"did you mean {' or '.join(near)}?" if near else f"there is {', '.join(self.names)}"
                raise EvaluationError(f"this evaluation has no metric '{name}'; {hint}")
        chosen = (self.standard if name == "standard" else known[name] for name in wanted)
        return tuple(dict.fromkeys(full for names in chosen for full in names))


class NoEvaluation(Evaluation):
    """Measures nothing: the grids and checkpoints that go with an evaluation are made all the same."""

    def __init__(self, *, data: DataSource, cache: Path | str | None = None) -> None:
        self.n_fake, self.seed, self.directions = 0, 0, {}

    @property
    def names(self) -> tuple[str, ...]:
        return ()

    def __call__(
        self, sample: Sampler, *, device: torch.device | str = "cpu", metrics: Sequence[str] | None = None,
        tick: Tick | None = None,
    ) -> Result:  # fmt: skip
        return Result()

    def prefetch(self) -> list[Path]:
        return []


def library_versions(*packages: str) -> dict[str, JSON]:
    """What a protocol says of the libraries that worked a number out, by their import names."""
    return {name.replace("-", "_"): version for name, version in versions(packages).items()}


def sampled(sample: Sampler, numbers: range, *, shape: tuple[int, ...]) -> Tensor:
    """Call `sample` and check what it gives: uint8 images (N, C, H, W), or finite floating point points (N, d).

    Raises EvaluationError if it is anything else.
    """
    x = sample(numbers)
    fits = x.dtype == torch.uint8 if len(shape) == 3 else x.is_floating_point()
    if not fits or tuple(x.shape) != (len(numbers), *shape):
        kind = "uint8 images" if len(shape) == 3 else "points"
        raise EvaluationError(f"asked for {kind} {(len(numbers), *shape)}, got {tuple(x.shape)} of {x.dtype}")
    if x.is_floating_point():
        check_finite(x, numbers)
    return x


def check_finite(x: Tensor, numbers: range) -> None:
    """Raise EvaluationError naming the first of these samples that is NaN or infinite somewhere."""
    fine = x.isfinite().flatten(1).all(1)
    if not fine.all():
        first = numbers[int((~fine).nonzero()[0, 0])]
        raise EvaluationError(f"sample number {first} holds values that are NaN or infinite")


def measure(
    evaluation: Evaluation, sampler: Callable[[int], Sampler], *, metrics: Sequence[str] | None,
    device: torch.device | str | None, seeds: int | None = None, tick: Tick | None = None,
) -> Result:  # fmt: skip
    """Evaluate samples of one or several seeds; a name that does not exist is told before the work.

    Args:
        sampler: what makes the samples of a seed.
        metrics: names of those wanted, in this order; None: the evaluation's standard ones.
        seeds: how many sampling seeds, from the evaluation's on; metrics are then means, beside their sample
            standard deviation; None: the evaluation's alone.

    Raises EvaluationError for an unknown metric or device, or an evaluation that measures nothing.
    """
    names, device = evaluation.choose(metrics), usable_device(device)
    if not names:
        evaluation.choose([])
    results = []
    for seed in range(evaluation.seed, evaluation.seed + (seeds or 1)):
        results.append(evaluation(sampler(seed), device=device, metrics=names, tick=tick))
    first = replace(results[0], metrics={name: results[0].metrics[name] for name in names})
    if seeds is None:
        return first
    values = {name: [result.metrics[name] for result in results] for name in names}
    return replace(
        first,
        metrics={name: statistics.fmean(each) for name, each in values.items()},
        spread={name: statistics.stdev(each) for name, each in values.items()} if seeds > 1 else {},
        protocol={**first.protocol, "seed": [evaluation.seed + i for i in range(seeds)]},
        details={**first.details, "each_seed": values},
    )


def usable_device(device: torch.device | str | None) -> torch.device:
    """The device of this name, or a GPU if there is one; raises EvaluationError where torch has no such device."""
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise EvaluationError(f"there is no device '{device}' here: {str(error).splitlines()[0]}") from error
    return torch.device(device)
