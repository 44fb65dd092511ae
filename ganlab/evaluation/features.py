"""Images through an extractor, batch by batch: sums over all of them, and the rows that a metric must see whole."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlab.errors import EvaluationError
from ganlab.evaluation.extractors import Extractor
from ganlab.evaluation.frechet import Moments, MomentSum
from ganlab.evaluation.result import Tick
from ganlab.evaluation.shards import Shards


@dataclass(frozen=True)
class Extracted:
    """What the extractor makes of n images.

    Attributes:
        moments: of all features, on every process.
        features: (K, D) float32 of the images that were kept, in order, on process 0 and its device.
        logits: (n, classes) of all, likewise; None where they were not asked for.
    """

    moments: Moments
    features: Tensor
    logits: Tensor | None


def extract(
    extractor: Extractor, images: Callable[[range], Tensor], n: int, *, keep: Tensor, logits: bool,
    batch_size: int, device: torch.device | str, shards: Shards, what: str, tick: Tick | None = None,
) -> Extracted:  # fmt: skip
    """Extract features of images number 0 to n - 1; every process asks for its own alone.

    Args:
        images: (numbers) -> uint8 images (N, C, H, W).
        keep: (n,) bool, whose features are kept.
        logits: keep class logits of all.
        what: the images are, for `tick`.

    Raises:
        EvaluationError: a feature is not finite.
    """
    mine = shards.positions(n)
    kept: list[Tensor] = []
    classes: list[Tensor] = []

    def run() -> MomentSum | None:
        sums = None
        if tick is not None:
            tick(what, 0, n)  # the clock starts before the first batch
        for start in range(0, len(mine), batch_size):
            numbers = mine[start : start + batch_size]
            batch, batch_logits = extractor(images(numbers).to(device))
            sums = (sums or MomentSum(batch.shape[1], device=batch.device)).add(batch)
            here = keep[numbers.start : numbers.stop : numbers.step]
            kept.append(batch if here.all() else batch[here.to(batch.device)])
            if logits and batch_logits is not None:
                classes.append(batch_logits)
            if tick is not None:
                tick(what, len(numbers) * shards.world, n)
        return sums

    sums = shards.together(run)
    dimension = shards.largest(0 if sums is None else len(sums.total))
    sums = sums or MomentSum(dimension, device=device)
    moments = sums.over(shards).moments()
    if not moments.covariance.isfinite().all():
        raise EvaluationError(
            f"the extractor {extractor.name} makes NaN or infinite features of some {what} images"
        )
    rows = shards.rows(_joined(kept, dimension, device), keep)
    scores = None
    if logits:
        width = shards.largest(classes[0].shape[1] if classes else 0)
        scores = shards.rows(_joined(classes, width, device), torch.ones(n, dtype=torch.bool))
    return Extracted(moments, rows, scores)


def _joined(parts: list[Tensor], width: int, device: torch.device | str) -> Tensor:
    return torch.cat(parts) if parts else torch.empty(0, width, device=device)
