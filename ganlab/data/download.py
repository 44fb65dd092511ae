"""Downloading the files of a data set: whole and as they were published, or not at all."""

import hashlib
import http.client
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from urllib.request import Request, urlopen

from tqdm import tqdm

from ganlab.atomic import new_file, remove_abandoned
from ganlab.errors import DataError

_TIMEOUT = 30  # seconds without a byte
_BLOCK = 1 << 18


@dataclass(frozen=True)
class Remote:
    """A published file.

    Attributes:
        name: what it is called in its folder.
        urls: where it can be had, best first.
        size: in bytes.
        sha256: of its bytes.
    """

    name: str
    urls: tuple[str, ...]
    size: int
    sha256: str


def download(remote: Remote, folder: Path, *, otherwise: str) -> Path:
    """Fetch a file into a folder, from the first place that has it as it was published.

    Args:
        otherwise: what a person without internet can do, to end the sentence of the error with.

    Raises:
        DataError: no place could be reached, none had the right bytes, or the folder cannot be written.
    """
    problems = []
    remove_abandoned(folder)
    for url in remote.urls:
        try:
            return _fetch(remote, url, folder)
        except _UnavailableError as problem:
            problems.append(f"{url}: {problem}")
        except OSError as error:
            raise DataError(f"cannot write into {folder} ({error.strerror or error}); {otherwise}") from error
    raise DataError(f"cannot download {remote.name} to {folder} ({'; '.join(problems)}); {otherwise}")


class _UnavailableError(Exception):
    """A place that does not have the file."""


def _fetch(remote: Remote, url: str, folder: Path) -> Path:
    blocks = _blocks(url)
    first = next(blocks, b"")  # before anything is made on disk
    digest, size = hashlib.sha256(), 0
    options = {"unit": "B", "unit_scale": True, "disable": None}
    with new_file(folder) as new, tqdm(total=remote.size, desc=remote.name, **options) as bar:
        for block in chain([first], blocks):
            new.file.write(block)
            digest.update(block)
            size += len(block)
            bar.update(len(block))
            if size > remote.size:
                break
        if size != remote.size:
            than = "more" if size > remote.size else f"{size:,}"
            raise _UnavailableError(f"{than} bytes instead of {remote.size:,}")
        if digest.hexdigest() != remote.sha256:
            raise _UnavailableError(
                f"SHA-256 {digest.hexdigest()[:12]}... instead of {remote.sha256[:12]}..."
            )
        path = folder / remote.name
        new.publish(path)
    return path


def _blocks(url: str) -> Iterator[bytes]:
    try:
        with urlopen(Request(url, headers={"User-Agent": "ganlab"}), timeout=_TIMEOUT) as response:
            while block := response.read(_BLOCK):
                yield block
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _UnavailableError(str(getattr(error, "reason", error)) or type(error).__name__) from error
