"""Image files to decoded images: found in the cache, or decoded into it."""

import logging
import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from ganlab.atomic import NewFile, atomic_file, new_file, remove_abandoned
from ganlab.errors import DataError
from ganlab.imagefiles.cache import Cache, Index, cache_path, finish, open_cache
from ganlab.imagefiles.decode import Target, Unreadable
from ganlab.imagefiles.files import ImageFile, ImageFiles, open_images
from ganlab.imagefiles.pool import available_cores, decode_all
from ganlab.imagefiles.worker import Job, fetch

_log = logging.getLogger(__name__)


def decoded(root: Path | str, target: Target, *, folder: Path, workers: int | None = None) -> Cache:
    """The decoded images of a folder or a zip; made on the first call, found on the next.

    Any number of processes on any number of machines may call it at once: they make the same file, the first to
    finish names it, and the others take that one.

    Args:
        root: a folder or a zip.
        target: what every image becomes.
        folder: where decoded images are kept.
        workers: processes that decode; None for one per core.

    Raises:
        DataError: no images, none that can be read, files that change or vanish meanwhile, or no room for them.
    """
    files = open_images(root)
    listed = files.listed()
    workers = workers or available_cores()
    index = Index(folder, target, listed)
    try:
        return _found(files, listed, target, folder, index, workers) or _made(
            files, listed, target, folder, index, workers
        )
    except OSError as error:
        raise DataError(f"cannot keep decoded images in {folder}: {error.strerror or error}") from error


def _found(
    files: ImageFiles, listed: Sequence[ImageFile], target: Target, folder: Path, index: Index, workers: int
) -> Cache | None:
    """The cache of files that were decoded before, wherever they lay then."""
    if (known := index.look_up()) is None:
        return None
    name, unchanged = known
    if unchanged:
        return open_cache(folder / name, target)
    digests = _digests(files, listed, workers)
    cache = open_cache(cache_path(folder, target, listed, digests), target)
    if cache is not None:
        index.remember(cache.path, hashed=all(digests))
    return cache


def _digests(files: ImageFiles, listed: Sequence[ImageFile], workers: int) -> list[str]:
    def digest(file: ImageFile) -> str:
        try:
            return fetch(files, file.name)[1]
        except Unreadable:
            return ""

    with ThreadPoolExecutor(workers) as threads:
        return list(threads.map(digest, listed))


def _made(
    files: ImageFiles, listed: Sequence[ImageFile], target: Target, folder: Path, index: Index, workers: int
) -> Cache:
    remove_abandoned(folder)
    with new_file(folder) as new:
        _check_room(folder, len(listed) * target.size)
        digests, unreadable, moving = _decode(files, listed, target, new, workers)
        if len(unreadable) == len(listed):
            raise DataError(f"none of the {len(listed)} image files in {files.root} can be read:"
                            f" {describe([(listed[row].name, reason) for row, reason in unreadable])}")  # fmt: skip
        if open_images(files.root).listed() != listed:
            raise DataError(f"{files.root} changed while it was being decoded; start again when it is complete")
        finish(new.file, target, [file.name for file in listed], unreadable, moving)
        path = cache_path(folder, target, listed, digests)
        new.publish(path, keep_existing=open_cache(path, target) is not None)
    if unreadable:
        with atomic_file(list_of_unreadable(path)) as file:
            file.writelines(f"{listed[row].name}: {reason}\n".encode("utf-8", "replace") for row, reason in unreadable)
    index.remember(path, hashed=all(digests))
    cache = open_cache(path, target)
    if cache is None:
        raise DataError(f"the decoded images {path} vanished as soon as they were written")
    return cache


def _decode(
    files: ImageFiles, listed: Sequence[ImageFile], target: Target, new: NewFile, workers: int
) -> tuple[list[str], list[tuple[int, str]], int]:
    """Fill the file; returns the digest of every file, (row, reason) of the unreadable ones, how many are animated."""
    job = Job(str(files.root), str(new.path), target.resolution, target.channels, target.smallest)
    digests: list[str] = []
    unreadable: list[tuple[int, str]] = []
    moving, began = 0, time.perf_counter()
    with tqdm(total=len(listed), desc=f"decoding {files.root.name}", unit=" images", disable=None) as bar:
        for report in decode_all(job, [file.name for file in listed], workers=workers):
            digests += report.digests
            unreadable += report.unreadable
            moving += report.moving
            bar.update(len(report.digests))
    seconds = time.perf_counter() - began
    _log.info("decoded %d images in %.1f s, %.0f images/s", len(listed), seconds, len(listed) / seconds)
    return digests, unreadable, moving


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(f"decoded images need {needed / 1e9:.1f} GB, and {folder} has {free / 1e9:.1f} GB free")


def list_of_unreadable(cache: Path) -> Path:
    """Where all files that are missing from a cache are listed, one on a line."""
    return cache.with_suffix(".unreadable.txt")


def describe(unreadable: Sequence[tuple[str, str]], most: int = 3) -> str:
    """``a.jpg (truncated), b.jpg (not an image) and 7 more``."""
    named = ", ".join(f"{name} ({reason})" for name, reason in unreadable[:most])
    return named + (f" and {len(unreadable) - most} more" if len(unreadable) > most else "")
