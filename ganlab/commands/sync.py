"""``ganlab sync``: what was recorded offline, to W&B."""

import argparse
from typing import Any

from ganlab.commands import Command, UsageError


def options(parser: argparse.ArgumentParser) -> None:
    """None beyond those of every command."""


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    if not arguments.subjects:
        raise UsageError("sync needs runs, or folders of them: ganlab sync RUNS...")
    from ganlab.report.finding import find_runs
    from ganlab.runs import RunFolder
    from ganlab.tracking import sync

    uploaded = {}
    for path in find_runs(arguments.subjects):
        parts = sync(RunFolder(path))
        said = f"{len(parts)} part{'s' * (len(parts) > 1)} uploaded" if parts else "nothing to upload"
        print(f"{path}: {said}", flush=True)
        uploaded[str(path)] = [str(part) for part in parts]
    return {"uploaded": uploaded}


COMMAND = Command("upload runs that were offline to W&B", "RUNS...", options, run, subjects=None)
