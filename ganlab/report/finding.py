"""Run folders below other folders, whole or half deleted."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ganlab.errors import GanlabError

_FILES = {"config.yaml", "environment.json", "metrics.jsonl", "summary.json"}
_FOLDERS = {"checkpoints", "samples"}


def find_runs(places: Sequence[Path | str]) -> list[Path]:
    """Every run in or below these places, each once, in the order of their paths.

    Raises:
        GanlabError: a place does not exist or holds no run.
    """
    found: dict[Path, Path] = {}
    for place in places:
        path = Path(place).expanduser()
        if not path.is_dir():
            raise GanlabError(f"there is no folder {place}")
        below = {run.resolve(): run for run in runs_below(path)}
        if not below:
            raise GanlabError(f"there is no run in {place}")
        found = below | found
    return sorted(found.values())


def runs_below(folder: Path) -> Iterator[Path]:
    """The folder itself if it is a run, or all runs below it; looks into no run."""
    for path, folders, files in os.walk(folder):
        if _is_run(set(folders), set(files)):
            yield Path(path)
            folders.clear()
        folders[:] = sorted(name for name in folders if not name.startswith("."))


def _is_run(folders: set[str], files: set[str]) -> bool:
    """Whatever is left of a run shows two of its parts, or its metrics alone."""
    return len(_FILES & files | _FOLDERS & folders) >= 2 or bool(files & {"metrics.jsonl", "summary.json"})
