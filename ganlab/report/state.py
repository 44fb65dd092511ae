"""How a run is doing, told from the outside: what it wrote last, and when."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ganlab.report.files import Starts, Summary
from ganlab.report.log import Log
from ganlab.runs import RunFolder, has_died

_SILENCE = 15 * 60.0  # seconds a run may be silent, whatever it does ...
_LONG = 10  # ... or so many times as long as its longest work so far took


@dataclass(frozen=True)
class State:
    """The state of a run.

    Attributes:
        name: what summary.json says (running, finished, preempted or failed); stale where it says running and the
            process is gone or has long been silent; unknown without a summary.
        reason: why it failed or is stale.
        images: real images shown to D so far.
        budget: those it is to see, None if not known.
        updated: when it last wrote, seconds since 1970; None if nothing is left.
    """

    name: str
    reason: str | None
    images: int
    budget: int | None
    updated: float | None

    @property
    def progress(self) -> float | None:
        """Share of the budget, 0 to 1."""
        return min(1.0, self.images / self.budget) if self.budget else None


def read_state(
    folder: RunFolder, summary: Summary, config: Mapping[str, Any], starts: Starts, log: Log
) -> State:
    """The state of a run from what is in its folder."""
    name, reason = summary.state, summary.reason
    updated = _last_write(folder)
    if name == "running" and (why := _why_stale(starts, log, updated)):
        name, reason = "stale", why
    logged = int(log.images.max(initial=0))
    told = logged if name == "running" else summary.images or 0
    return State(name, reason, max(told, logged), config.get("budget.images"), updated)


def _last_write(folder: RunFolder) -> float | None:
    names = ("summary.json", "environment.json")
    written = []
    for path in (folder.metrics, *(folder.path / name for name in names), folder.checkpoints, folder.samples):
        try:
            written.append(path.stat().st_mtime)
        except OSError:
            continue
    return max(written, default=None)


def _why_stale(starts: Starts, log: Log, updated: float | None) -> str | None:
    if starts.process is not None and has_died(starts.process):
        return f"process {starts.process['pid']} is gone without a word"
    silence = time.time() - (updated or 0.0)
    if silence > max(_SILENCE, _LONG * _longest_work(log)):
        return f"nothing written for {duration(silence)}"
    return None


def _longest_work(log: Log) -> float:
    """Seconds of the longest evaluation, or of the longest time between two lines of the log."""
    evaluations, speed = log.column("time/evaluation_s").values, log.column("time/images_per_s")
    told = speed.values > 0
    stretches = np.diff(log.images[speed.lines[told]], prepend=0) / speed.values[told]
    works = np.concatenate([evaluations, stretches])
    return float(works.max(initial=0.0, where=np.isfinite(works)))


def duration(seconds: float) -> str:
    """A time in its largest unit of which there are two."""
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
