"""Files that are whole or not there: written under another name, synced, and only then given their own."""

import os
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_ABANDONED = 24 * 3600  # seconds without a write after which nobody can still be at it


class NewFile:
    """A temporary file in a folder, open for reading and writing, until it is published or dropped.

    Several processes on several machines may make the same file at once: each writes one of its own, and no
    lock is taken.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f".{socket.gethostname()}.{os.getpid()}.{uuid.uuid4().hex[:8]}.part"
        self.file: BinaryIO = self.path.open("x+b")

    def publish(self, path: Path, *, keep_existing: bool = False) -> None:
        """Sync the content and name it; with `keep_existing`, a file that is there already stays.

        Raises:
            OSError: the file cannot be written.
        """
        self.file.flush()
        os.fsync(self.file.fileno())
        if not (keep_existing and self._linked(path)):
            self.path.replace(path)

    def drop(self) -> None:
        """Close the file and forget its temporary name."""
        self.file.close()
        self.path.unlink(missing_ok=True)

    def _linked(self, path: Path) -> bool:
        try:
            os.link(self.path, path)
        except FileExistsError:
            return True
        except OSError:  # a file system without hard links
            return path.exists()
        return True


@contextmanager
def new_file(folder: Path) -> Iterator[NewFile]:
    """A `NewFile` whose temporary name is gone after the block, however it ends."""
    new = NewFile(folder)
    try:
        yield new
    finally:
        new.drop()


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """A file that becomes `path` if the block ends without an exception, and else leaves nothing behind."""
    with new_file(path.parent) as new:
        yield new.file
        new.publish(path)


def remove_abandoned(folder: Path) -> None:
    """Delete temporary files whose writer was killed: those that nobody has written to for a day."""
    for path in folder.glob(".*.part"):
        try:
            if time.time() - path.stat().st_mtime > _ABANDONED:
                path.unlink()
        except OSError:  # another process does the same, or the folder is not ours to tidy
            continue
