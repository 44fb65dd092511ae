"""What lies in a folder or a zip: the image files by name, and their bytes."""

import os
import zipfile
import zlib
from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from ganlab.errors import DataError

ENDINGS = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm",
    ".pbm", ".tga", ".avif", ".jp2",
)  # fmt: skip


_LARGEST = 1 << 30  # bytes of a zip's member: a few kilobytes can promise any number


class ImageFile(NamedTuple):
    """A file: its name relative to the root, its size, and a number that changes with its content."""

    name: str
    size: int
    stamp: int


class ImageFiles(ABC):
    """The image files below one root; `listed` takes one look, `read` returns the bytes of one file."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @abstractmethod
    def listed(self) -> list[ImageFile]:
        """Sorted by name; raises DataError if there are none, or if the root cannot be listed."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """The bytes of one file; raises OSError, or ValueError where a zip holds them damaged."""

    def _sorted(self, files: list[ImageFile]) -> list[ImageFile]:
        if not files:
            raise DataError(f"{self.root} holds no images (files ending in {', '.join(ENDINGS[:6])}, ...)")
        return sorted(files)


def is_image_name(name: str) -> bool:
    """Whether a relative path looks like an image; hidden files and macOS's resource forks do not."""
    parts = name.split("/")
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
    return not hidden and name.lower().endswith(ENDINGS)


def open_images(root: Path | str) -> ImageFiles:
    """The folder or the zip at this path; raises DataError if there is neither."""
    path = Path(root).expanduser().absolute()
    if path.is_dir():
        return Folder(path)
    if not path.exists():
        raise DataError(f"there is no folder and no zip {path}")
    if not zipfile.is_zipfile(path):
        raise DataError(f"{path} is neither a folder nor a zip")
    return Zip(path)


class Folder(ImageFiles):
    """A folder with all its subfolders; symbolic links are followed, each folder is entered once."""

    def listed(self) -> list[ImageFile]:
        files: list[ImageFile] = []
        pending, seen = [""], set[tuple[int, int]]()
        try:
            while pending:
                inside = pending.pop()
                info = os.stat(self.root / inside)
                if (info.st_dev, info.st_ino) in seen:  # a link that leads back up
                    continue
                seen.add((info.st_dev, info.st_ino))
                with os.scandir(self.root / inside) as entries:
                    for entry in entries:
                        _sort_in(entry, f"{inside}{entry.name}", files, pending)
        except OSError as error:
            raise DataError(f"cannot list {self.root}: {error.strerror} ({error.filename})") from error
        return self._sorted(files)

    def read(self, name: str) -> bytes:
        with open(os.path.join(self.root, name), "rb", buffering=0) as file:
            return file.read()


def _sort_in(entry: os.DirEntry[str], name: str, files: list[ImageFile], pending: list[str]) -> None:
    try:
        if is_image_name(name) and entry.is_file():
            info = entry.stat()
            files.append(ImageFile(name, info.st_size, info.st_mtime_ns))
        elif not entry.name.startswith(".") and entry.is_dir():
            pending.append(f"{name}/")
    except OSError:  # a link to nowhere, or to itself
        return


class Zip(ImageFiles):
    """A zip, read in place: nothing of it is ever written to disk under a name that it chose."""

    @cached_property
    def _archive(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self.root)
        except (OSError, zipfile.BadZipFile, ValueError) as error:
            raise DataError(f"{self.root} cannot be read as a zip: {error}") from error

    def listed(self) -> list[ImageFile]:
        files = {}
        for info in self._archive.infolist():
            name = info.filename.replace("\\", "/")
            if name.startswith("/") or ".." in name.split("/") or name[1:2] == ":":
                raise DataError(
                    f"{self.root} is refused: its member {info.filename!r} points outside the zip"
                )
            if is_image_name(name) and not info.is_dir():
                files[info.filename] = ImageFile(info.filename, info.file_size, info.CRC)
        return self._sorted(list(files.values()))

    def read(self, name: str) -> bytes:
        try:
            if self._archive.getinfo(name).file_size > _LARGEST:
                raise ValueError("larger than 1 GiB")
            return self._archive.read(name)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            raise ValueError(f"damaged in the zip: {error}") from error
