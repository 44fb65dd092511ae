"""Several processes, and processes that are stopped: one whole cache, or none."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ganlab.imagefiles import build
from ganlab.imagefiles.build import decoded
from tests.imagefiles.caches import TARGET, Maker, expected, left, pixels

BUILD = """
import signal, sys, time
from pathlib import Path
from ganlab.imagefiles import build
from ganlab.imagefiles.decode import Target

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
decode_all = build.decode_all

def stalling(*arguments, **options):
    reports = decode_all(*arguments, **options)
    yield next(reports)
    print("stalled", flush=True)
    time.sleep(60)

root, folder, how = sys.argv[1:]
if how == "stall":
    build.decode_all = stalling
cache = build.decoded(root, Target(8, 3, 4), folder=Path(folder), workers=2)
print(len(cache.names), cache.path)
"""


def start(root: Path, folder: Path, how: str = "") -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", BUILD, str(root), str(folder), how],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def stalled(root: Path, folder: Path) -> subprocess.Popen:
    """A process that has decoded a part of the images and waits."""
    process = start(root, folder, "stall")
    assert process.stdout is not None
    assert process.stdout.readline() == "stalled\n"
    return process


def test_two_processes_make_one_cache(make_folder: Maker, tmp_path: Path) -> None:
    root, folder = make_folder({f"{i}.png": i for i in range(150)}), tmp_path / "cache"
    answers = [process.communicate(timeout=60) for process in [start(root, folder) for _ in range(2)]]
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
    root, folder = make_folder({f"{i}.png": i for i in range(150)}), tmp_path / "cache"
    process = stalled(root, folder)
    process.kill()
    process.communicate()
    assert left(folder) == [".part"]
    cache = decoded(root, TARGET, folder=folder, workers=1)
    assert len(cache.names) == 150
    abandoned = next(folder.glob(".*.part"))  # it could be another machine's, still at it
    os.utime(abandoned, (0, time.time() - 25 * 3600))
    cache.path.unlink()
    decoded(root, TARGET, folder=folder, workers=1)
    assert left(folder) == [".images", ".index"]


def test_ctrl_c_leaves_nothing_at_all(make_folder: Maker, tmp_path: Path) -> None:
    root, folder = make_folder({f"{i}.png": i for i in range(150)}), tmp_path / "cache"
    process = stalled(root, folder)
    os.killpg(process.pid, signal.SIGINT)
    _, complaint = process.communicate(timeout=60)
    assert complaint.splitlines()[-1] == "KeyboardInterrupt"
    assert left(folder) == []
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
