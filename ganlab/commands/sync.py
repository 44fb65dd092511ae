"""``ganlab sync``: what was recorded offline, to W&B."""

import argparse
from pathlib import Path
from typing import Any

from ganlab.commands import Command, UsageError


def options(parser: argparse.ArgumentParser) -> None:
    """None beyond those of every command."""


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    if not arguments.subjects:
        raise UsageError("sync needs runs, or folders of them: ganlab sync RUNS...")
    from ganlab.errors import GanlabError
    from ganlab.report.finding import find_runs

    uploaded, refused = {}, []
    for path in find_runs(arguments.subjects):
        try:
            uploaded[str(path)] = _sync(path)
        except GanlabError as error:  # of one run; the others do not wait for it
            refused.append(str(error))
    if refused:
        more = f"; and {len(refused) - 1} more runs" if len(refused) > 1 else ""
        raise GanlabError(refused[0] + more)
    return {"uploaded": uploaded}


def _sync(path: Path) -> list[str]:
    """Upload one run, unless it trains: what is uploaded of a file that grows would be uploaded again later."""
    from ganlab.report.reading import read_run
    from ganlab.runs import RunFolder
    from ganlab.tracking import sync

    training = read_run(path).state.name == "running"
    parts = [] if training else sync(RunFolder(path))
    said = f"{len(parts)} part{'s' * (len(parts) > 1)} uploaded" if parts else "nothing to upload"
    print(f"{path}: {'still running; it is uploaded when it has ended' if training else said}", flush=True)
    return [str(part) for part in parts]


COMMAND = Command("upload runs that were offline to W&B", "RUNS...", options, run, subjects=None)
