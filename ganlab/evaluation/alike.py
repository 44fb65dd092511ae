"""Whether images in several places have one size and one kind, and what would make them so."""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from ganlab.errors import EvaluationError
from ganlab.imagefiles.formats import Formats

_RESIZE = "data.resolution=R makes them squares of R pixels"
_CONVERT = "data.channels=1 makes all grey, data.channels=3 all RGB"


def target(resolution: int | None, channels: int | None, places: Sequence[Formats]) -> tuple[int, int, int]:
    """The shape (C, R, R) that all images have, or are to get where resolution and channels are given.

    Raises EvaluationError where they are not and the images differ, or are not square.
    """
    if not all(place.sizes for place in places):  # decoding will say what is wrong with each file
        return channels or 3, resolution or 64, resolution or 64
    if resolution is None:
        sizes = [(place.root, place.sizes) for place in places]
        width, height = _common(sizes, lambda size: f"of {size[0]}x{size[1]} pixels", _RESIZE)
        if width != height:
            raise EvaluationError(f"the images are of {width}x{height} pixels, not square; {_RESIZE}")
        resolution = width
    if channels is None:
        kinds = [(place.root, place.channels) for place in places]
        channels = _common(kinds, {1: "in grey", 3: "in colour"}.get, _CONVERT)
    return channels, resolution, resolution


def decoding(places: Sequence[Formats], shape: tuple[int, ...]) -> str | None:
    """How images in files get this shape, for the protocol; None where they have it."""
    side = shape[1]
    if all(set(place.sizes) == {(side, side)} and set(place.channels) == {shape[0]} for place in places):
        return None
    return f"shorter side to {side} by Pillow's bicubic filter, centre square"


def _common(found: Sequence[tuple[Path, Counter]], word: Callable[[Any], str | None], remedy: str) -> Any:
    """The one kind of image in all folders; raises EvaluationError naming two kinds where there are more."""
    for root, kinds in found:
        if len(kinds) > 1:
            (one, n), (other, m) = kinds.most_common(2)
            more = " and others" if len(kinds) > 2 else ""
            raise EvaluationError(f"{root} holds {n} images {word(one)}, {m} {word(other)}{more}; {remedy}")
    for (root, kinds), (other_root, other_kinds) in pairwise(found):
        (kind,), (other_kind,) = kinds, other_kinds
        if kind != other_kind:
            raise EvaluationError(
                f"{root} holds images {word(kind)}, {other_root} images {word(other_kind)}; {remedy}"
            )
    return next(iter(found[0][1]))
