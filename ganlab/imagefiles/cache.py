"""One file of decoded images: the pixels from its first byte on, what they are at its end."""

import hashlib
import json
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ganlab.atomic import atomic_file
from ganlab.imagefiles.decode import Target
from ganlab.imagefiles.files import ImageFile

VERSION = 1  # of the layout of the file and of the pixels that `decode` makes
_TRAILER = struct.Struct("<Q8s")  # bytes of JSON before it, and the mark of a file that is whole
_MARK = b"ganlab\0%c" % VERSION


@dataclass(frozen=True)
class Cache:
    """Decoded images in a file.

    Attributes:
        path: of the file; its first n * C * R * R bytes are the pixels, uint8.
        target: what the images became.
        names: of the n images, in order.
        unreadable: (name, reason) of the files that are not among them.
        moving: number of animated files, whose first frame was taken.
    """

    path: Path
    target: Target
    names: tuple[str, ...]
    unreadable: tuple[tuple[str, str], ...]
    moving: int

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(n, C, R, R)."""
        return (len(self.names), self.target.channels, self.target.resolution, self.target.resolution)


def open_cache(path: Path, target: Target) -> Cache | None:
    """The cache in this file; None if there is none, or one that is not whole or of another version."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(-_TRAILER.size, os.SEEK_END)
            length, mark = _TRAILER.unpack(file.read())
            if mark != _MARK:
                return None
            file.seek(-_TRAILER.size - length, os.SEEK_END)
            found = json.loads(file.read(length))
        unreadable = tuple((name, reason) for name, reason in found["unreadable"])
        cache = Cache(path, Target(**found["target"]), tuple(found["names"]), unreadable, found["moving"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    whole = size == len(cache.names) * cache.target.size + length + _TRAILER.size
    return cache if whole and cache.target == target else None


def finish(
    file: BinaryIO, target: Target, names: Sequence[str], unreadable: Sequence[tuple[int, str]], moving: int
) -> None:
    """Complete a file with a row of pixels for each name: close the gaps, write at its end what it holds."""
    gaps = {row for row, _ in unreadable}
    kept = [row for row in range(len(names)) if row not in gaps]
    _close_gaps(file, kept, target.size)
    found = {
        "target": vars(target),
        "names": [names[row] for row in kept],
        "unreadable": [(names[row], reason) for row, reason in unreadable],
        "moving": moving,
    }
    text = json.dumps(found).encode()
    file.truncate(len(kept) * target.size)
    file.seek(0, os.SEEK_END)
    file.write(text + _TRAILER.pack(len(text), _MARK))


def _close_gaps(file: BinaryIO, kept: Sequence[int], size: int) -> None:
    for to, row in enumerate(kept):
        if to != row:
            file.seek(row * size)
            pixels = file.read(size)
            file.seek(to * size)
            file.write(pixels)


def _hash(*parts: object) -> str:
    return hashlib.blake2b(
        repr((VERSION, *parts)).encode(errors="surrogateescape"), digest_size=16
    ).hexdigest()


def cache_path(folder: Path, target: Target, files: Sequence[ImageFile], digests: Sequence[str]) -> Path:
    """Where the decoded images of these files belong: a hash of their names and of their bytes."""
    return folder / f"{_hash(target, [file.name for file in files], list(digests))}.images"


class Index:
    """Remembers by the names and sizes of a folder's files which cache they had, and when they were written.

    It saves reading all files again at every start; a folder that was copied or touched is hashed once more.
    """

    def __init__(self, folder: Path, target: Target, files: Sequence[ImageFile]) -> None:
        self.path = folder / f"{_hash(target, [(file.name, file.size) for file in files])}.index"
        self.stamps = _hash([file.stamp for file in files])

    def look_up(self) -> tuple[str, bool] | None:
        """Name of the cache file, and whether no file was written since; None if these files are new."""
        try:
            found = json.loads(self.path.read_text())
            return str(found["cache"]), found["stamps"] == self.stamps
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def remember(self, cache: Path, *, hashed: bool) -> None:
        """Note the cache; unless every file could be `hashed`, they are to be hashed again next time.

        Raises:
            OSError: the folder cannot be written.
        """
        with atomic_file(self.path) as file:
            file.write(json.dumps({"cache": cache.name, "stamps": self.stamps if hashed else None}).encode())
