"""What goes wrong while images are decoded: one sentence, and nothing half-made is left."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ganlab.errors import DataError
from ganlab.imagefiles import build, pool
from ganlab.imagefiles.build import decoded
from ganlab.imagefiles.worker import Decoder, Job, Report
from tests.imagefiles.caches import TARGET, Maker, left


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Let something happen after the first chunk is decoded."""
    decode_all = pool.decode_all

    def wrapped(*arguments: object, **options: object) -> Iterator[Report]:
        reports = decode_all(*arguments, **options)  # type: ignore[arg-type]
        yield next(reports)
        act()
        yield from reports

    monkeypatch.setattr(pool, "CHUNK", 4)
    monkeypatch.setattr(build, "decode_all", wrapped)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_root_that_disappears_is_an_error_and_leaves_nothing(
    make_folder: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    root = make_folder({f"{i:02}.png": i for i in range(40)})
    meanwhile(monkeypatch, lambda: shutil.rmtree(root))
    with pytest.raises(DataError, match=r"disappeared from .* while it was being read|there is no folder"):
        decoded(root, TARGET, folder=tmp_path / "cache", workers=workers)
    assert left(tmp_path / "cache") == []


def test_a_folder_that_grows_meanwhile_is_refused(
    make_folder: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_folder({f"{i:02}.png": i for i in range(8)})
    meanwhile(monkeypatch, lambda: make_folder({"new.png": 99}))
    with pytest.raises(DataError, match="changed while it was being decoded"):
        decoded(root, TARGET, folder=tmp_path / "cache")
    assert left(tmp_path / "cache") == []


def test_a_worker_that_dies_is_an_error_and_leaves_nothing(
    make_folder: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers: list[pool._Worker] = []

    class Dying(pool._Worker):
        def __init__(self, job: Job) -> None:
            super().__init__(job)
            workers.append(self)

        def __call__(self, start: int, names: list[str]) -> Report:
            if start >= 128:
                os.kill(self.process.pid, signal.SIGKILL)
            return super().__call__(start, names)

    monkeypatch.setattr(pool, "_Worker", Dying)
    root = make_folder({f"{i:03}.png": i for i in range(300)})
    with pytest.raises(DataError, match=r"a decoding process died \(exit code -9\) between .*png and .*png"):
        decoded(root, TARGET, folder=tmp_path / "cache", workers=2)
    assert left(tmp_path / "cache") == []
    assert all(worker.process.returncode is not None for worker in workers)


def test_a_disk_without_room_is_an_error_before_and_while_decoding(
    make_folder: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_folder({"a.png": 1})
    with pytest.raises(DataError, match="cannot write decoded images to /dev/full: No space left on device"):
        Decoder(Job(str(root), "/dev/full", 8, 3, 4))(0, ["a.png"])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 0, 100))  # type: ignore[attr-defined]
    with pytest.raises(DataError, match=r"decoded images need 0\.0 GB, and .*cache has 0\.0 GB free"):
        decoded(root, TARGET, folder=tmp_path / "cache")
    assert left(tmp_path / "cache") == []
    with pytest.raises(
        DataError, match=r"cannot keep decoded images in .*a\.png/cache \(Not a directory\); choose"
    ):
        decoded(root, TARGET, folder=root / "a.png" / "cache")


def test_a_folder_of_which_nothing_can_be_read_is_refused(make_folder: Maker, tmp_path: Path) -> None:
    root = make_folder({f"{i}.jpg": "text" for i in range(5)})
    with pytest.raises(DataError) as caught:
        decoded(root, TARGET, folder=tmp_path / "cache")
    named = ", ".join(f"{i}.jpg (not an image)" for i in range(3))
    assert str(caught.value) == f"none of the 5 image files in {root} can be read: {named} and 2 more"
    assert left(tmp_path / "cache") == []
