"""Folders that a run writes to: whether it can, and how much more goes in."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from omegaconf import DictConfig

from ganlab.atomic import new_file
from ganlab.doctor.finding import Finding, State
from ganlab.places import cache_folder

_ENOUGH, _TOO_LITTLE = 5 * 2**30, 2**28  # bytes: a run with its checkpoints and W&B files; not even that


def places(cfg: DictConfig) -> Iterator[Finding]:
    """Where runs, caches and temporary files go, and the memory that processes share."""
    yield _folder("runs", Path(cfg.run.root).expanduser(), "set run.root to a folder you may write to")
    yield _folder("cache", cache_folder(), "set GANLAB_CACHE to a folder you may write to")
    yield _folder("temporary", Path(tempfile.gettempdir()), "set TMPDIR to a folder you may write to")
    shared = Path("/dev/shm")
    if shared.is_dir() and (free := shutil.disk_usage(shared).free) < _TOO_LITTLE:
        found = f"{free / 2**20:.0f} MiB of shared memory left"
        yield Finding("memory", "warning", found, "in Docker: docker run --ipc=host, or --shm-size=1g")


def _folder(name: str, folder: Path, advice: str) -> Finding:
    """Write a file as a run does, in the folder or where it will be made."""
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    will = "" if there == folder.absolute() else ", which will be made"
    try:
        with new_file(there) as new:
            new.file.write(b"ganlab")
            new.publish(written := new.path.with_suffix(".test"))
            written.unlink()
    except OSError as error:
        return Finding(name, "broken", f"cannot write {folder} ({error.strerror or error})", advice)
    free = shutil.disk_usage(there).free
    found = f"{folder}{will}: {free / 2**30:.1f} GiB free"
    if free < _ENOUGH:
        state: State = "broken" if free < _TOO_LITTLE else "warning"
        return Finding(name, state, found, f"make room, or {advice}")
    return Finding(name, "ok", found)
