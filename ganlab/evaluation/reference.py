"""What an evaluation must know of the real images: computed once, kept in a cache file by content hash."""

import hashlib
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from ganlab.atomic import atomic_file, remove_abandoned
from ganlab.data import TensorSet
from ganlab.evaluation.extractors import Extractor
from ganlab.evaluation.features import extract
from ganlab.evaluation.frechet import Moments, symmetric_root
from ganlab.evaluation.neighbours import NEIGHBOURS, kth_neighbour, radii
from ganlab.evaluation.once import Turn, claimed, wait_or_claim
from ganlab.evaluation.result import Tick
from ganlab.evaluation.shards import Shards

# at most so many real images have a ball; at most so many others look for neighbours
NEIGHBOURS_AMONG = 10_000
Depth = Literal["moments", "near", "all"]
"""What a metric wants to see of the real images: their moments; features of NEIGHBOURS_AMONG; features of all."""
_DEPTHS: tuple[Depth, ...] = ("moments", "near", "all")
_FORMAT = 3  # to be raised when what is computed or stored changes
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reference:
    """Statistics of the real images in one extractor's feature space, on the CPU.

    Attributes:
        moments: mean and covariance of all features.
        root: the covariance's square root.
        features: (K, D) float32 of all images, of NEIGHBOURS_AMONG, or of none.
        near: (L,) which of those rows take part in neighbourhoods, in order.
        radii: (L,) float64, of the balls that density and coverage count in.
        fresh: distances (H,) float64 to the nearest of all real images: from held-out ones, or where there are none
            from some of them to the others; of the depth "all" alone.
    """

    moments: Moments
    root: Tensor
    features: Tensor
    near: Tensor
    radii: Tensor
    fresh: Tensor

    @property
    def neighbourhood(self) -> Tensor:
        """Features (L, D) among which neighbours are sought."""
        return self.features if len(self.near) == len(self.features) else self.features[self.near]


class ReferenceCache:
    """Finds or makes the `Reference` of one data set and extractor.

    Args:
        folder: the cache folder; a file in it is whole or not there.
        held_out: real images that are not in `real`, or None.
    """

    def __init__(
        self,
        extractor: Extractor,
        real: TensorSet,
        held_out: TensorSet | None,
        *,
        folder: Path,
        batch_size: int,
    ) -> None:
        self.extractor, self.real, self.held_out = extractor, real, held_out
        self.n, self.name, self.sha256 = len(real), real.name, real.sha256
        self.folder, self.batch_size = folder / "reference", batch_size

    def get(
        self, depth: Depth, *, device: torch.device | str, shards: Shards, tick: Tick | None = None
    ) -> Reference | None:
        """The reference, on process 0; from a file if any process of any job has made it before."""
        found: Reference | None = None
        # one at a time for all depths: who waits may find what it needs in a deeper one
        work = self._path(self._key)

        def look() -> Turn:
            nonlocal found
            turn, found = wait_or_claim(work, lambda: self._read(depth))
            return turn

        while (turn := shards.first(look)) is Turn.THEIRS:
            pass
        if turn is Turn.FOUND:
            return found
        if shards.rank > 0:
            return self._compute(depth, device, shards, tick)
        with claimed(work):
            reference = self._compute(depth, device, shards, tick)
            assert reference is not None
            self._keep(reference, depth)
        return reference

    def _keep(self, reference: Reference, depth: Depth) -> None:
        key = {**self._key, "depth": depth}
        state = {"key": key, **vars(reference), "moments": vars(reference.moments)}
        try:
            with atomic_file(self._path(key)) as file:
                torch.save(state, file)
            remove_abandoned(self.folder)
        except OSError as error:
            _log.warning("the reference statistics are not kept: %s", error)

    @property
    def _key(self) -> dict[str, Any]:
        """All that decides the statistics but their depth."""
        extractor, held_out = self.extractor, self.held_out
        return {
            "format": _FORMAT, "extractor": extractor.name, "weights": extractor.sha256, "dtype": extractor.dtype,
            "real": self.real.sha256, "held_out": held_out.sha256 if held_out else None,
            "neighbours": [NEIGHBOURS, NEIGHBOURS_AMONG],
        }  # fmt: skip

    def _path(self, key: dict[str, Any]) -> Path:
        digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
        return self.folder / f"{self.extractor.name}-{digest[:16]}.pt"

    def _read(self, depth: Depth) -> Reference | None:
        """From the file of this depth, or of one that holds more."""
        for deeper in _DEPTHS[_DEPTHS.index(depth) :]:
            key = {**self._key, "depth": deeper}
            path = self._path(key)
            try:
                state = torch.load(path, map_location="cpu", weights_only=True)
                if state.pop("key") == key:
                    return Reference(**{**state, "moments": Moments(**state["moments"])})
            except (FileNotFoundError, NotADirectoryError):
                continue
            except Exception:  # what unpickling noise raises is not a closed list
                _log.warning("%s is corrupt: computing the reference statistics again", path)
                with suppress(OSError):
                    path.unlink()
        return None

    def _compute(
        self, depth: Depth, device: torch.device | str, shards: Shards, tick: Tick | None
    ) -> Reference | None:
        n = len(self.real)
        near = _subset(n) if depth != "moments" else torch.zeros(n, dtype=torch.bool)
        keep = torch.ones(n, dtype=torch.bool) if depth == "all" else near

        def features(data: TensorSet, kept: Tensor) -> Any:
            return extract(
                self.extractor, rows_of(data), len(data), keep=kept, logits=False, batch_size=self.batch_size,
                device=device, shards=shards, what="reference", tick=tick,
            )  # fmt: skip

        real, fresh = features(self.real, keep), torch.empty(0, dtype=torch.float64)
        if depth == "all" and self.held_out is not None:
            fresh = features(self.held_out, _subset(len(self.held_out))).features
        if shards.rank > 0:
            return None
        chosen = near[keep].nonzero()[:, 0]
        around, balls = real.features[chosen.to(real.features.device)], torch.empty(0, dtype=torch.float64)
        if depth != "moments":
            balls = radii(around)
        if depth == "all":
            everything = real.features
            alone = self.held_out is None  # then each is the nearest of itself
            fresh = kth_neighbour(around, everything, k=2) if alone else kth_neighbour(fresh, everything)
        root = symmetric_root(real.moments.covariance)
        return Reference(real.moments, root, real.features.cpu(), chosen, balls.cpu(), fresh.cpu())


def rows_of(data: TensorSet) -> Callable[[range], Tensor]:
    """A function of numbers that gives those samples of a data set."""
    return lambda numbers: data.x[numbers.start : numbers.stop : numbers.step]


def _subset(n: int) -> Tensor:
    """Which of n images take part in neighbourhoods (n,): all, or NEIGHBOURS_AMONG of them."""
    if n <= NEIGHBOURS_AMONG:
        return torch.ones(n, dtype=torch.bool)
    chosen = torch.randperm(n, generator=torch.Generator().manual_seed(0))[:NEIGHBOURS_AMONG]
    return torch.zeros(n, dtype=torch.bool).index_fill_(0, chosen, True)
