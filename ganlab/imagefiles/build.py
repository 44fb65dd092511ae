"""Image files to decoded images: found in the cache, or decoded into it."""

import logging
import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from ganlab.atomic import atomic_file, new_file, remove_abandoned
from ganlab.errors import DataError
from ganlab.imagefiles.cache import Cache, Index, cache_path, finish, open_cache
from ganlab.imagefiles.decode import Target, UnreadableError
from ganlab.imagefiles.files import ImageFile, ImageFiles, open_images
from ganlab.imagefiles.pool import available_cores, decode_all
from ganlab.imagefiles.worker import Job, fetch

_log = logging.getLogger(__name__)


def decoded(root: Path | str, target: Target, *, folder: Path, workers: int | None = None) -> Cache:
    """The decoded images of a folder or a zip; made on the first call, found on the next.

    Any number of processes on any number of machines may call it at once: they make the same file, the first
    to finish names it, and the others take that one.

    Args:
        root: a folder or a zip.
        target: what every image becomes.
        folder: where decoded images are kept.
        workers: processes that decode; None for one per core.

    Raises:
        DataError: no images, none that can be read, files that change or vanish meanwhile, or no room.
    """
    files = open_images(root)
    order = _Order(files, files.listed(), target, folder, workers or available_cores())
    index = Index(folder, target, order.listed)
    try:
        return _found(order, index) or _made(order, index)
    except OSError as error:
        raise DataError(
            f"cannot keep decoded images in {folder} ({error.strerror or error}); choose another data.cache"
        ) from error


class _Order(NamedTuple):
    """What is wanted: these files, decoded to this target, kept in this folder, by so many workers."""

    files: ImageFiles
    listed: list[ImageFile]
    target: Target
    folder: Path
    workers: int


def _found(order: _Order, index: Index) -> Cache | None:
    """The cache of files that were decoded before, wherever they lay then."""
    if (known := index.look_up()) is None:
        return None
    name, unchanged = known
    if unchanged:
        return open_cache(order.folder / name, order.target)
    digests = _digests(order)
    cache = open_cache(cache_path(order.folder, order.target, order.listed, digests), order.target)
    if cache is not None:
        index.remember(cache.path, hashed=all(digests))
    return cache


def _digests(order: _Order) -> list[str]:
    def digest(file: ImageFile) -> str:
        try:
            return fetch(order.files, file.name)[1]
        except UnreadableError:
            return ""

    with ThreadPoolExecutor(order.workers) as threads:
        return list(threads.map(digest, order.listed))


def _made(order: _Order, index: Index) -> Cache:
    root, target = order.files.root, order.target
    remove_abandoned(order.folder)
    with new_file(order.folder) as new:
        _check_room(order)
        digests, unreadable, moving = _decode(order, new.path)
        bad = [(order.listed[row].name, reason) for row, reason in unreadable]
        if len(bad) == len(order.listed):
            raise DataError(f"none of the {len(bad)} image files in {root} can be read: {describe(bad)}")
        if open_images(root).listed() != order.listed:
            raise DataError(f"{root} changed while it was being decoded; start again when it is complete")
        finish(new.file, target, [file.name for file in order.listed], unreadable, moving)
        path = cache_path(order.folder, target, order.listed, digests)
        new.publish(path, keep_existing=open_cache(path, target) is not None)
    if bad:
        with atomic_file(list_of_unreadable(path)) as file:
            file.writelines(f"{name}: {reason}\n".encode("utf-8", "replace") for name, reason in bad)
    index.remember(path, hashed=all(digests))
    if (cache := open_cache(path, target)) is None:
        raise DataError(f"the decoded images {path} vanished as soon as they were written")
    return cache


def _decode(order: _Order, out: Path) -> tuple[list[str], list[tuple[int, str]], int]:
    """Fill the file; returns all digests, (row, reason) of unreadable files, the number of animated ones."""
    root, target = order.files.root, order.target
    job = Job(str(root), str(out), target.resolution, target.channels, target.smallest)
    names = [file.name for file in order.listed]
    digests: list[str] = []
    unreadable: list[tuple[int, str]] = []
    moving, began = 0, time.perf_counter()
    with tqdm(total=len(names), desc=f"decoding {root.name}", unit=" images", disable=None) as bar:
        for report in decode_all(job, names, workers=order.workers):
            digests += report.digests
            unreadable += report.unreadable
            moving += report.moving
            bar.update(len(report.digests))
    seconds = time.perf_counter() - began
    _log.info("decoded %d images in %.1f s, %.0f images/s", len(names), seconds, len(names) / seconds)
    return digests, unreadable, moving


def _check_room(order: _Order) -> None:
    needed, free = len(order.listed) * order.target.size, shutil.disk_usage(order.folder).free
    if needed > free:
        raise DataError(
            f"decoded images need {needed / 1e9:.1f} GB, and {order.folder} has {free / 1e9:.1f} GB free;"
            " choose another data.cache"
        )


def list_of_unreadable(cache: Path) -> Path:
    """Where all files that are missing from a cache are listed, one on a line."""
    return cache.with_suffix(".unreadable.txt")


def describe(unreadable: Sequence[tuple[str, str]], most: int = 3) -> str:
    """``a.jpg (truncated), b.jpg (not an image) and 7 more``."""
    named = ", ".join(f"{name} ({reason})" for name, reason in unreadable[:most])
    return named + (f" and {len(unreadable) - most} more" if len(unreadable) > most else "")
