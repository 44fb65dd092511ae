"""One cache, made once, by whom ever, of exactly the images that can be read; nothing half-made is left."""

import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from ganlab.errors import DataError
from ganlab.imagefiles import build, pool
from ganlab.imagefiles.build import decoded, list_of_unreadable
from ganlab.imagefiles.cache import Cache
from ganlab.imagefiles.decode import Target, decode
from ganlab.imagefiles.files import Folder
from ganlab.imagefiles.worker import Decoder, Job, Report

Maker = Callable[..., Path]
TARGET = Target(8, 3, 4)


def pixels(cache: Cache) -> np.ndarray:
    return np.fromfile(cache.path, np.uint8, count=int(np.prod(cache.shape))).reshape(cache.shape)


def expected(root: Path, names: tuple[str, ...], target: Target = TARGET) -> np.ndarray:
    rows = [np.frombuffer(decode((root / name).read_bytes(), target)[0], np.uint8) for name in names]
    return np.stack(rows).reshape(-1, target.channels, target.resolution, target.resolution)


def left(folder: Path) -> list[str]:
    return sorted(path.suffix for path in folder.iterdir()) if folder.exists() else []


@pytest.fixture
def no_decoding(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From when it is called, decoding anything fails the test."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("decoded again")

    return lambda: monkeypatch.setattr(build, "decode_all", refuse)


@pytest.mark.parametrize("workers", [1, 3])
def test_images_are_decoded_in_the_order_of_their_names(
    make_folder: Maker, tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "CHUNK", 7)
    root = make_folder({f"{i % 3}/{i}.png": i for i in range(40)})
    cache = decoded(root, TARGET, folder=tmp_path / "cache", workers=workers)
    assert list(cache.names) == sorted(f"{i % 3}/{i}.png" for i in range(40))
    np.testing.assert_array_equal(pixels(cache), expected(root, cache.names))
    assert cache.unreadable == ()
    assert left(tmp_path / "cache") == [".images", ".index"]


@pytest.mark.parametrize("workers", [1, 2])
def test_unreadable_files_leave_no_gaps_and_are_listed(
    make_folder: Maker, tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "CHUNK", 4)
    bad: dict[str, str | int] = {"00.png": "text", "05.png": "", "06.png": "text", "19.png": "x"}
    root = make_folder({f"{i:02}.png": i for i in range(20)} | bad)
    cache = decoded(root, TARGET, folder=tmp_path / "cache", workers=workers)
    assert len(cache.names) == 16
    assert not set(cache.names) & set(bad)
    assert dict(cache.unreadable) == {"05.png": "empty"} | dict.fromkeys(
        ["00.png", "06.png", "19.png"], "not an image"
    )
    np.testing.assert_array_equal(pixels(cache), expected(root, cache.names))
    assert list_of_unreadable(cache.path).read_text().splitlines()[1] == "05.png: empty"


def test_a_second_call_a_copy_and_a_touched_folder_decode_nothing(
    make_folder: Maker, tmp_path: Path, no_decoding: Callable[[], None]
) -> None:
    root, folder = make_folder({f"{i}.png": i for i in range(5)}), tmp_path / "cache"
    first = decoded(root, TARGET, folder=folder)
    no_decoding()
    assert decoded(root, TARGET, folder=folder) == first
    copy = shutil.copytree(root, tmp_path / "copy", copy_function=shutil.copyfile)
    assert decoded(copy, TARGET, folder=folder) == first
    os.utime(root / "3.png")
    assert decoded(root, TARGET, folder=folder) == first


def test_a_zip_holds_the_same_images_as_its_folder(make_folder: Maker, tmp_path: Path) -> None:
    root = make_folder({f"{i}/{i}.png": i for i in range(5)})
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        for path in sorted(root.rglob("*.png"), reverse=True):
            archive.write(path, path.relative_to(root))
    zipped = decoded(tmp_path / "z.zip", TARGET, folder=tmp_path / "cache")
    np.testing.assert_array_equal(pixels(zipped), expected(root, zipped.names))
    assert decoded(root, TARGET, folder=tmp_path / "cache") == zipped


def test_other_content_and_other_targets_are_decoded_anew(make_folder: Maker, tmp_path: Path) -> None:
    root, folder = make_folder({"a.png": 1, "b.png": 2}), tmp_path / "cache"
    paths = {
        decoded(root, target, folder=folder).path for target in (TARGET, Target(9, 3, 4), Target(8, 1, 4))
    }
    (root / "a.png").write_bytes((root / "b.png").read_bytes())
    changed = decoded(root, TARGET, folder=folder)
    assert len(paths | {changed.path}) == 4
    np.testing.assert_array_equal(pixels(changed)[0], pixels(changed)[1])


def break_truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def break_garbled(content: bytes) -> bytes:
    return content.replace(b'"names"', b'"n\xff\xffes"')


def break_version(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] + 1])


def break_short(content: bytes) -> bytes:
    return content[1:]


@pytest.mark.parametrize(
    "damage", [break_truncated, break_garbled, break_version, break_short, lambda _: b""]
)
def test_a_damaged_or_older_cache_is_made_again(
    make_folder: Maker, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    root, folder = make_folder({f"{i}.png": i for i in range(5)}), tmp_path / "cache"
    path = decoded(root, TARGET, folder=folder).path
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert decoded(root, TARGET, folder=folder).path == path
    assert path.read_bytes() == whole
    next(folder.glob("*.index")).write_text("{")
    assert decoded(root, TARGET, folder=folder).path == path
    assert left(folder) == [".images", ".index"]


BUILD = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
from pathlib import Path
from ganlab.imagefiles import build
from ganlab.imagefiles.decode import Target
cache = build.decoded(sys.argv[1], Target(8, 3, 4), folder=Path(sys.argv[2]), workers=int(sys.argv[3]))
print(len(cache.names), cache.path)
"""


def start(root: Path, folder: Path, workers: int = 1, **options: bool) -> subprocess.Popen:
    command = [sys.executable, "-c", BUILD, str(root), str(folder), str(workers)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def test_two_processes_make_one_cache(make_folder: Maker, tmp_path: Path) -> None:
    root, folder = make_folder({f"{i}.png": i for i in range(150)}), tmp_path / "cache"
    answers = [
        process.communicate(timeout=60) for process in [start(root, folder, workers=2) for _ in range(2)]
    ]
    assert answers[0] == answers[1] == (f"150 {next(folder.glob('*.images'))}\n", "")
    assert left(folder) == [".images", ".index"]
    cache = decoded(root, TARGET, folder=folder)
    np.testing.assert_array_equal(pixels(cache), expected(root, cache.names))


def test_the_file_of_the_first_stays_where_two_finish(
    make_folder: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, folder = make_folder({f"{i}.png": i for i in range(5)}), tmp_path / "cache"
    first = decoded(root, TARGET, folder=folder).path.stat().st_ino
    monkeypatch.setattr(build, "_found", lambda *_: None)  # as for one that began before the other was done
    assert decoded(root, TARGET, folder=folder).path.stat().st_ino == first
    assert left(folder) == [".images", ".index"]


def test_a_killed_process_leaves_nothing_that_is_taken_for_whole(make_folder: Maker, tmp_path: Path) -> None:
    root, folder = make_folder({f"{i}.png": i for i in range(400)}), tmp_path / "cache"
    process = start(root, folder, workers=2)
    while not list(folder.glob(".*.part")):
        time.sleep(0.002)
    process.kill()
    process.communicate()
    assert left(folder) == [".part"]
    cache = decoded(root, TARGET, folder=folder, workers=1)
    assert len(cache.names) == 400
    abandoned = next(folder.glob(".*.part"))
    os.utime(abandoned, (0, time.time() - 25 * 3600))
    cache.path.unlink()
    decoded(root, TARGET, folder=folder, workers=1)
    assert left(folder) == [".images", ".index"]


def test_ctrl_c_leaves_nothing_at_all(make_folder: Maker, tmp_path: Path) -> None:
    root, folder = make_folder({f"{i}.png": i for i in range(1500)}), tmp_path / "cache"
    process = start(root, folder, workers=2, start_new_session=True)
    while not list(folder.glob(".*.part")):
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGINT)
    _, complaint = process.communicate(timeout=60)
    assert complaint.splitlines()[-1] == "KeyboardInterrupt"
    assert left(folder) == []
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


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

    class Recorded(pool._Worker):
        def __init__(self, job: Job) -> None:
            super().__init__(job)
            workers.append(self)

    def kill() -> None:
        for worker in workers:
            os.kill(worker.process.pid, signal.SIGKILL)

    monkeypatch.setattr(pool, "_Worker", Recorded)
    meanwhile(monkeypatch, kill)
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


def test_files_that_may_not_be_read_are_skipped_and_tried_again(
    make_folder: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_decoding: Callable[[], None]
) -> None:
    root, folder = make_folder({"a.png": 1, "b.png": 2}), tmp_path / "cache"
    read = Folder.read

    def forbid(files: Folder, name: str) -> bytes:
        if name == "a.png":
            raise PermissionError(13, "Permission denied")
        return read(files, name)

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "read", forbid)
        first = decoded(root, TARGET, folder=folder)
        assert first.unreadable == (("a.png", "Permission denied"),)
        patch.setattr(build, "decode_all", None)
        assert decoded(root, TARGET, folder=folder) == first
    assert decoded(root, TARGET, folder=folder).names == ("a.png", "b.png")
