"""Work that several processes want at the same time and one does: a claim beside the file it is to become.

No lock of the operating system is taken, since network file systems often lack them: a claim is a file that only one
process can create, which it touches every few seconds.  A claim that nobody has touched for a while, or whose process
is gone from this machine, is taken over; that two then do the same work is harmless, as files appear whole.

Whoever waits does so in turns of PATIENCE, after which it is asked again: processes that wait for its answer hear from
it before they give it up.
"""

import enum
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

TOUCH = 2.0  # seconds between two signs of life
SILENCE = 20.0  # seconds without one after which a claim counts as left behind
PATIENCE = 60.0  # seconds of a turn; longer than SILENCE
_LOOK = 0.1


class Turn(enum.Enum):
    """What a turn of waiting has come to."""

    FOUND = enum.auto()
    """The work is done."""
    OURS = enum.auto()
    """This process must do it, and holds the claim if the folder can be written."""
    THEIRS = enum.auto()
    """Somebody else is still at it."""


def wait_or_claim(path: Path, read: Callable[[], T | None]) -> tuple[Turn, T | None]:
    """One turn of waiting for what `read` finds, which comes with FOUND."""
    deadline, seen = time.monotonic() + PATIENCE, (0.0, time.monotonic())
    while (found := read()) is None:
        claim = _claim(path)
        try:
            if _create(claim):
                found = read()  # written, and its claim given up, between our two looks
                if found is None:
                    return Turn.OURS, None
                release(path)
                break
            touched = claim.stat().st_mtime
        except FileNotFoundError:  # given up at this moment
            continue
        except OSError:  # a folder that cannot be written: everybody works alone
            return Turn.OURS, None
        if touched != seen[0]:
            seen = (touched, time.monotonic())
        now = time.monotonic()
        if now - seen[1] > SILENCE or _gone(claim):
            claim.unlink(missing_ok=True)
        elif now > deadline:
            return Turn.THEIRS, None
        time.sleep(_LOOK)
    return Turn.FOUND, found


@contextmanager
def claimed(path: Path) -> Iterator[None]:
    """Show signs of life while the block does the work that was claimed; gives the claim up after it."""
    done = threading.Event()
    thread = threading.Thread(target=_keep_touching, args=(_claim(path), done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        release(path)


def release(path: Path) -> None:
    """Give the claim up."""
    with suppress(OSError):
        _claim(path).unlink(missing_ok=True)


def _claim(path: Path) -> Path:
    return path.with_name(f".{path.name}.claim")


def _create(claim: Path) -> bool:
    claim.parent.mkdir(parents=True, exist_ok=True)
    try:
        with claim.open("x") as file:
            file.write(f"{socket.gethostname()} {os.getpid()}")
        return True
    except FileExistsError:
        return False


def _gone(claim: Path) -> bool:
    """Whether the claim's process ran on this machine and does no more."""
    with suppress(OSError, ValueError):
        host, pid = claim.read_text().split()
        if host == socket.gethostname():
            try:
                os.kill(int(pid), 0)
            except ProcessLookupError:
                return True
            except PermissionError:
                return False
    return False


def _keep_touching(claim: Path, done: threading.Event) -> None:
    while not done.wait(TOUCH):
        with suppress(OSError):
            os.utime(claim)
