"""``ganlab runs``: every run under a folder and how it is doing."""

import argparse
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganlab.commands import Command, UsageError

if TYPE_CHECKING:
    from ganlab.report.reading import RunRecord


def options(parser: argparse.ArgumentParser) -> None:
    """None beyond those of every command."""


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    if arguments.settings:
        raise UsageError(f"runs takes no settings, got '{arguments.settings[0]}'")
    from ganlab.errors import GanlabError
    from ganlab.report.finding import runs_below
    from ganlab.report.reading import read_run

    root = Path(arguments.subject or "runs").expanduser()
    if not root.is_dir():
        raise GanlabError(f"there is no folder {root}")
    records = [read_run(path) for path in sorted(runs_below(root))]
    print(table(records, root) if records else f"no runs in {root}")
    return {"runs": [_entry(record) for record in records]}


def table(records: "list[RunRecord]", root: Path) -> str:
    """One line a run, and below it why it failed or is stale."""
    rows: list[tuple[str, ...]] = [("run", "state", "progress", "images", "best", "last written")]
    rows += [_row(record, root) for record in records]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    for i, record in reversed(list(enumerate(records, start=1))):
        notes = [record.state.reason, *record.problems]
        lines[i + 1 : i + 1] = [f"    {' '.join(note.split())[:200]}" for note in notes if note]
    return "\n".join(line.rstrip() for line in lines)


def _row(record: "RunRecord", root: Path) -> tuple[str, ...]:
    from ganlab.report.state import duration
    from ganlab.report.untrusted import text

    state, headline = record.state, best(record)
    where = record.path.relative_to(root)
    ago = "" if state.updated is None else f"{duration(time.time() - state.updated)} ago"
    return (
        record.name if where == Path() else text(str(where)),
        state.name,
        "" if state.progress is None else f"{state.progress:.0%}",
        f"{state.images:,}",
        f"{headline[0]} {headline[1]:.4g}" if headline else "",
        ago,
    )


def best(record: "RunRecord") -> tuple[str, float] | None:
    """The best FID, or where none was measured the first of the best values."""
    names = sorted(record.best, key=lambda name: (not name.startswith("fid"), name != "fid"))
    return (names[0], record.best[names[0]]) if names else None


def _entry(record: "RunRecord") -> dict[str, Any]:
    state = record.state
    return {
        "name": record.name, "path": record.where, "state": state.name, "reason": state.reason,
        "images": state.images, "budget": state.budget, "progress": state.progress, "updated": state.updated,
        "best": _json(record.best), "final": _json(record.final), "problems": list(record.problems),
    }  # fmt: skip


def _json(metrics: Mapping[str, float]) -> dict[str, float | None]:
    """Without NaN and infinities, which JSON does not have."""
    return {name: value if math.isfinite(value) else None for name, value in metrics.items()}


COMMAND = Command("list the runs below a folder", "[FOLDER]", options, run)
