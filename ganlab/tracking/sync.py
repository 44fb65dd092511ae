"""Uploading what was kept offline."""

import subprocess
import sys
from pathlib import Path

from ganlab.errors import GanlabError
from ganlab.runs import RunFolder
from ganlab.tracking.wandb_run import synced_marker


def unsynced(folder: RunFolder) -> list[Path]:
    """The ``.wandb`` files of a run that W&B does not have or has only in part, oldest first."""
    files = folder.path.glob("wandb/*run-*/run-*.wandb")
    waiting = (path for path in files if not synced_marker(path).exists())
    return sorted(waiting, key=lambda path: path.parent.name.removeprefix("offline-"))


def sync(folder: RunFolder) -> list[Path]:
    """Upload all parts of a run in order; they become one W&B run, for they have one id.

    Returns:
        The files uploaded, none if W&B has them all.

    Raises:
        GanlabError: no key, no server, or a part that W&B did not take; what was uploaded is not lost.
    """
    waiting = unsynced(folder)
    if not waiting:
        return []
    command = [
        sys.executable,
        "-m",
        "wandb",
        "sync",
        "--include-online",
        *(str(path.absolute()) for path in waiting),
    ]
    done = subprocess.run(  # in the run's folder, for it leaves a log where it runs
        command, cwd=folder.path, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    left = [path for path in waiting if not synced_marker(path).exists()]
    if left:
        said = [
            line for line in (done.stderr + done.stdout).splitlines() if "rror" in line or "uthenti" in line
        ]
        reason = said[-1].removeprefix("wandb: ") if said else f"wandb sync ended with {done.returncode}"
        raise GanlabError(
            f"{len(left)} of {len(waiting)} parts of {folder.path} could not be uploaded: {reason}"
        )
    return waiting
