"""What W&B's client keeps of a run in the run's folder: a ``.wandb`` file for every time it was started."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ganlab.runs import RunFolder


def parts(folder: RunFolder) -> list[Path]:
    """The ``.wandb`` files of a run, oldest first."""
    files = folder.path.glob("wandb/*run-*/run-*.wandb")
    return sorted(files, key=lambda path: path.parent.name.removeprefix("offline-"))


def synced_marker(part: Path) -> Path:
    """The file that says, to ``wandb sync`` too, that a part has been uploaded."""
    return part.with_suffix(".wandb.synced")


def last_step(files: Sequence[Path]) -> int:
    """The last step of which these parts, oldest first, hold a row; -1 if there is none.

    A part whose writer was killed is read up to where it is torn: less than the writer was told.
    """
    return next((step for part in reversed(files) if (step := _last_step(part)) >= 0), -1)


def _last_step(part: Path) -> int:
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(part)]
    last = ""
    with subprocess.Popen(  # where it is, for the client leaves a log where it runs
        command, cwd=part.parent, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        for line in process.stdout or ():
            if '"type":"history"' in line[:60]:
                last = line
    return json.loads(last)["history"]["item"]["_step"] if last else -1
