"""Sample grids of many runs at the same numbers of images, small enough for one page."""

import base64
import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ganlab.report.reading import RunRecord
from ganlab.report.untrusted import is_count
from ganlab.runs import RunFolder

_MOST = 240  # pictures on a page ...
_BYTES = 2_000_000  # ... and bytes that all of them together should have
_LADDER = ((320, 85), (256, 75), (192, 65), (128, 55), (96, 45))  # longest side in pixels, quality of a JPEG


def sample_pictures(runs: Sequence[RunRecord]) -> list[list[dict[str, Any]]]:
    """For each run pictures ``{at, images, uri}``: its grid of `images` shown for the page's point `at`.

    The points are evenly spread over those at which most runs have drawn; where a run has drawn nothing within a
    tenth of a point, it has no picture there.  A run whose newest grid belongs to no point, as it went on for longer or
    ended long before, has it besides, with None for its point.
    """
    grids = [_grids(run.path) for run in runs]
    with_grids = sum(map(bool, grids))
    if not with_grids:
        return [[] for _ in runs]
    points = _points(grids, max(1, min(8, _MOST // with_grids)))
    chosen = [_chosen(own, points) for own in grids]
    each = _BYTES // sum(map(len, chosen))
    newest = [own[max(own)] for own in grids if own]
    rung = _rung(newest[:: 1 + len(newest) // 8], each)
    return [
        [picture for at, images in mine.items() if (picture := _picture(own[images], at, images, rung, each))]
        for own, mine in zip(grids, chosen, strict=True)
    ]


def _grids(path: Path) -> dict[int, Path]:
    try:
        grids = {int(grid.stem): grid for grid in RunFolder(path).sample_grids() if grid.stem.isdecimal()}
    except OSError:
        return {}
    return {images: grid for images, grid in grids.items() if is_count(images) and grid.is_file()}


def _chosen(grids: dict[int, Path], points: Sequence[int]) -> dict[int | None, int]:
    """By point, the nearest grid if it is near; and the newest without a point, unless a point has it."""
    if not grids:
        return {}
    near = {at: min(grids, key=lambda images: abs(images - at)) for at in points}
    chosen: dict[int | None, int] = {at: i for at, i in near.items() if abs(i - at) <= 0.1 * at}
    newest = max(grids)
    if max(chosen.values(), default=-1) < 0.9 * newest:
        chosen[None] = newest
    return chosen


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


def _picture(grid: Path, at: int | None, images: int, rung: int, each: int) -> dict[str, Any] | None:
    if not (picture := _open(grid)):
        return None
    while len(content := _compressed(picture, rung)) > 1.5 * each and rung < len(_LADDER) - 1:
        rung += 1
    return {
        "at": at, "images": images, "uri": "data:image/jpeg;base64," + base64.b64encode(content).decode(),
    }  # fmt: skip


def _open(path: Path) -> Image.Image | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as file:
                return _natural(file.convert("L" if file.mode in ("1", "L") else "RGB"))
    except Exception:  # torn by a crash; what decoders raise then is anything
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
