"""Uploading what was kept offline."""

import os
import re
import subprocess
import sys
from pathlib import Path

from ganlab.errors import GanlabError
from ganlab.runs import RunFolder
from ganlab.tracking.records import parts, synced_marker

_TORN = "ends with an incomplete record"  # its writer was killed; what there is has been uploaded


def sync(folder: RunFolder) -> list[Path]:
    """Upload all parts of a run that has ended, in order; they become one W&B run, for they have one id.

    Returns:
        The files uploaded, none if W&B has them all.

    Raises:
        GanlabError: no key, no server, or a part that W&B did not take; what was uploaded is not lost.
    """
    waiting = [part for part in parts(folder) if not synced_marker(part).exists()]
    for number, part in enumerate(waiting):
        if reason := _upload(part, folder.path):
            left = len(waiting) - number
            raise GanlabError(
                f"{left} of {len(waiting)} parts of {folder.path} could not be uploaded: {reason}"
            )
    return waiting


def _upload(part: Path, place: Path) -> str:
    """Upload one part; why W&B does not have it, "" if it does.

    The client stops at the first part that it cannot read to the end, hence one call for each.
    """
    command = [sys.executable, "-m", "wandb", "sync", "--include-online", str(part.absolute())]
    done = subprocess.run(  # in the run's folder, for it leaves a log where it runs
        command, cwd=place, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        env={**os.environ, "WANDB_SILENT": "false"},
    )  # fmt: skip
    said = done.stderr + done.stdout
    if _TORN in said:
        synced_marker(part).touch()
    if synced_marker(part).exists():
        return ""
    reasons = [line for line in said.splitlines() if re.search("error|authenti", line, re.IGNORECASE)]
    return reasons[-1].removeprefix("wandb: ") if reasons else f"wandb sync ended with {done.returncode}"
