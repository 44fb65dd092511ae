"""Sample grids of many runs at the same numbers of images, small enough for one page."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ganlab.report.reading import RunRecord
from ganlab.runs import RunFolder

_MOST = 240  # pictures on a page ...
_BYTES = 2_000_000  # ... and bytes that all of them together should have
_LADDER = ((320, 85), (256, 75), (192, 65), (128, 55), (96, 45))  # longest side in pixels, quality of a JPEG


def sample_pictures(runs: Sequence[RunRecord]) -> list[list[dict[str, Any]]]:
    """For each run pictures ``{at, images, uri}``: its grid of `images` shown for the page's point `at`.

    The points are evenly spread over those at which most runs have drawn; where a run has drawn nothing within a
    tenth of a point, it has no picture there.  A run that went on for longer has its newest grid besides, with None
    for its point.
    """
    grids = [_grids(run.path) for run in runs]
    with_grids = sum(map(bool, grids))
    if not with_grids:
        return [[] for _ in runs]
    points = _points(grids, max(1, min(8, _MOST // with_grids)))
    later = [max(own, default=0) > 1.1 * points[-1] for own in grids]
    each = _BYTES // (with_grids * len(points) + sum(later))
    newest = [own[max(own)] for own in grids if own]
    rung = _rung(newest[:: 1 + len(newest) // 8], each)
    return [
        [
            picture
            for at in [*points, *([None] if longer else [])]
            if (picture := _picture(own, at, rung, each))
        ]
        for own, longer in zip(grids, later, strict=True)
    ]


def _grids(path: Path) -> dict[int, Path]:
    try:
        return {int(grid.stem): grid for grid in RunFolder(path).sample_grids() if grid.stem.isdecimal()}
    except OSError:
        return {}


def _points(grids: Sequence[dict[int, Path]], most: int) -> list[int]:
    """Numbers of images: the last one that most runs have reached, and others evenly before it."""
    last = float(np.median([max(own) for own in grids if own]))
    longest = max((own for own in grids if own), key=lambda own: (sum(at <= last for at in own), len(own)))
    drawn = sorted(at for at in longest if at <= last) or sorted(longest)
    if most == 1:
        return drawn[-1:]
    chosen = np.linspace(0, len(drawn) - 1, min(most, len(drawn))).round().astype(int)
    return [drawn[i] for i in dict.fromkeys(chosen.tolist())]


def _rung(paths: Sequence[Path], each: int) -> int:
    """The best of the ladder at which most pictures have at most so many bytes: runs should look alike."""
    pictures = [picture for path in paths if (picture := _open(path))]
    for rung in range(len(_LADDER) - 1):
        if not pictures or np.median([len(_compressed(picture, rung)) for picture in pictures]) <= each:
            return rung
    return len(_LADDER) - 1


def _picture(grids: dict[int, Path], at: int | None, rung: int, each: int) -> dict[str, Any] | None:
    wanted = max(grids, default=0) if at is None else at
    nearest = min(grids, key=lambda images: abs(images - wanted), default=None)
    if nearest is None or abs(nearest - wanted) > 0.1 * wanted or not (picture := _open(grids[nearest])):
        return None
    while len(content := _compressed(picture, rung)) > 1.5 * each and rung < len(_LADDER) - 1:
        rung += 1
    return {
        "at": at, "images": nearest, "uri": "data:image/jpeg;base64," + base64.b64encode(content).decode(),
    }  # fmt: skip


def _open(path: Path) -> Image.Image | None:
    try:
        with Image.open(path) as file:
            return _natural(file.convert("L" if file.mode in ("1", "L") else "RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # torn by a crash
        return None


def _natural(picture: Image.Image) -> Image.Image:
    """The picture before it was enlarged by a whole factor."""
    pixels = np.asarray(picture)
    for factor in range(64, 1, -1):
        if picture.width % factor or picture.height % factor:
            continue
        small = pixels[::factor, ::factor]
        if np.array_equal(small.repeat(factor, 0).repeat(factor, 1), pixels):
            return Image.fromarray(np.ascontiguousarray(small))
    return picture


def _compressed(picture: Image.Image, rung: int) -> bytes:
    side, quality = _LADDER[rung]
    smaller, file = picture.copy(), io.BytesIO()
    smaller.thumbnail((side, side), Image.Resampling.LANCZOS)
    smaller.save(file, "JPEG", quality=quality, optimize=True)
    return file.getvalue()
