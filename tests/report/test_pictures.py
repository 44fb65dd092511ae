"""Sample grids at equal numbers of images, small, and right side up."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganlab.images import save_grid
from ganlab.report.pictures import sample_pictures
from ganlab.report.reading import RunRecord, read_run
from ganlab.runs import RunFolder
from tests.report.folders import made_run


def shown(uri: str) -> np.ndarray:
    head, _, content = uri.partition(",")
    assert head == "data:image/jpeg;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))


def record(folder: RunFolder) -> RunRecord:
    return read_run(folder.path)


def test_grids_are_taken_at_the_same_points(tmp_path: Path) -> None:
    long = made_run(tmp_path, "long", fid=(5.0,) * 20, grids=True)
    late = made_run(tmp_path, "late", fid=(5.0,) * 20)
    for images in range(1064, 20_100, 1000):  # its batches are larger
        save_grid(np.full((4, 1, 8, 8), 90, np.uint8), late.sample_grid(images))
    early = made_run(tmp_path, "early", fid=(5.0, 4.0), grids=True)
    bare = made_run(tmp_path, "bare")
    pictures = sample_pictures([record(folder) for folder in (long, late, early, bare)])
    points = [picture["at"] for picture in pictures[0]]
    assert points == [1000, 4000, 6000, 9000, 12000, 15000, 17000, 20000]
    assert [picture["images"] for picture in pictures[0]] == points
    assert [(p["at"], p["images"]) for p in pictures[1]][:2] == [(1000, 1064), (4000, 4064)]
    assert [(p["at"], p["images"]) for p in pictures[2]] == [
        (1000, 1000),
        (None, 2000),
    ]  # 2000 is too far from 4000
    assert pictures[3] == []


def test_a_run_that_went_on_for_longer_has_its_newest_grid_too(tmp_path: Path) -> None:
    short = [made_run(tmp_path, name, fid=(5.0, 4.0), grids=True) for name in ("a", "b")]
    long = made_run(tmp_path, "long", fid=(5.0,) * 20, grids=True)
    pictures = sample_pictures([record(folder) for folder in (*short, long)])
    assert [[(p["at"], p["images"]) for p in own] for own in pictures] == [
        [(1000, 1000), (2000, 2000)], [(1000, 1000), (2000, 2000)], [(1000, 1000), (2000, 2000), (None, 20000)],
    ]  # fmt: skip


def test_the_enlargement_is_undone_and_the_grey_levels_stay(tmp_path: Path) -> None:
    folder = made_run(tmp_path, "a")
    images = np.stack([np.full((1, 8, 8), 40 * i, np.uint8) for i in range(1, 5)])
    save_grid(images, folder.sample_grid(1000))
    with Image.open(folder.sample_grid(1000)) as grid:
        assert grid.size == (506, 506)  # 22 pixels, 23 times
    ((picture,),) = sample_pictures([record(folder)])
    pixels = shown(picture["uri"])
    assert max(pixels.shape) <= 320
    scale = len(pixels) / 22
    centres = [pixels[int(row * scale), int(column * scale)] for row in (6, 16) for column in (6, 16)]
    assert np.allclose(centres, [40, 80, 120, 160], atol=12)


def test_torn_pictures_are_left_out(tmp_path: Path) -> None:
    folder = made_run(tmp_path, "a", grids=True)
    content = folder.sample_grid(2000).read_bytes()
    folder.sample_grid(2000).write_bytes(content[: len(content) // 2])
    folder.sample_grid(3000).write_bytes(b"")
    (pictures,) = sample_pictures([record(folder)])
    assert [picture["images"] for picture in pictures] == [1000]


@pytest.mark.parametrize("n", [12, 60])
def test_many_noisy_pictures_stay_small(tmp_path: Path, n: int) -> None:
    rng = np.random.default_rng(0)
    one = made_run(tmp_path, "a", fid=(5.0,) * 8)
    for images in range(1000, 9000, 1000):
        save_grid(rng.integers(0, 256, (16, 3, 32, 32), dtype=np.uint8), one.sample_grid(images))
    pictures = sample_pictures([record(one)] * n)
    assert sum(map(len, pictures)) == n * min(8, 240 // n)
    assert sum(len(p["uri"]) for own in pictures for p in own) < 4_100_000
