"""One run as its folder tells it: still training, torn by a crash or half deleted, it is read as far as it goes."""

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ganlab.errors import GanlabError
from ganlab.report.draw import draw
from ganlab.report.files import read_config, read_starts, read_summary
from ganlab.report.log import Log, read_log
from ganlab.report.state import State, read_state
from ganlab.report.untrusted import text
from ganlab.runs import RunFolder


@dataclass(frozen=True)
class Curve:
    """One value over a run.

    Attributes:
        images: real images shown to D, (N,), rising.
        iteration: G steps, (N,).
        seconds: device-seconds in training steps, (N,); NaN where they are not known.
        value: (N,), NaN and infinities as they were written.
    """

    images: np.ndarray
    iteration: np.ndarray
    seconds: np.ndarray
    value: np.ndarray

    def __len__(self) -> int:
        return len(self.value)


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What is known of one run.

    Attributes:
        path: its folder.
        state: how it is doing.
        config: values by dotted key; empty if the file is gone.
        final, best: metrics as the summary has them.
        fresh: the last and the best checkpoint on fresh samples: ``metric``, its value ``last`` and ``best``, at ``images``
            of the best, on how many ``samples``; empty if nobody compared them.
        protocol: how final and best were measured; None: nobody says.
        findings: what the rules of `ganlab.health` found, as the summary has them.
        draw: what runs share whose values are not independent, see `ganlab.report.draw`; None: cannot be told.
        start: names the run wherever its folder was copied to; None if not known.
        commit: of ganlab at its last start.
        log: metrics.jsonl.
        problems: what could not be read.
        repeats: runs that are left out for this one, see `ganlab.report.repeats`.
    """

    path: Path
    state: State
    config: Mapping[str, Any]
    final: Mapping[str, float]
    best: Mapping[str, float]
    fresh: Mapping[str, Any]
    protocol: Mapping[str, Any] | None
    findings: tuple[dict[str, Any], ...]
    draw: str | None
    start: str | None
    commit: str | None
    log: Log = field(repr=False)
    problems: tuple[str, ...] = ()
    repeats: "tuple[RunRecord, ...]" = ()

    @property
    def name(self) -> str:
        """Of its folder, as it can be shown."""
        return text(self.path.name) or self.where

    @property
    def where(self) -> str:
        """Its folder, as it can be shown."""
        return text(str(self.path))

    @property
    def seed(self) -> str | None:
        """As text, for a damaged configuration may have anything for it; None if it has none."""
        seed = self.config.get("seed")
        return None if seed is None else str(seed)

    @cached_property
    def curves(self) -> dict[str, Curve]:
        """Every value of the log by its name; the last one of those at the same number of images."""
        # shared by all values that stand in the same lines
        clocks: dict[bytes, tuple[np.ndarray, ...]] = {}
        found = {}
        for name, column in self.log.columns.items():
            key = column.lines.tobytes()
            if key not in clocks:
                clocks[key] = self._clocks_at(column.lines)
            kept, images, iteration, seconds = clocks[key]
            found[name] = Curve(images, iteration, seconds, column.values[kept])
        return found

    @property
    def last(self) -> tuple[int, float | None]:
        """G steps and device-seconds so far; None where the seconds are not known."""
        if not len(self.log):
            return 0, None
        newest = int(self.log.images.argmax())
        seconds = float(self._seconds_at(self.log.images[newest : newest + 1])[0])
        return int(self.log.iteration[newest]), None if math.isnan(seconds) else seconds

    def _clocks_at(self, lines: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Which of these lines count, in the order of their images; and their images, iterations and seconds."""
        images, last = np.unique(self.log.images[lines][::-1], return_index=True)
        kept = len(lines) - 1 - last
        return kept, images, self.log.iteration[lines][kept], self._seconds_at(images)

    def _seconds_at(self, images: np.ndarray) -> np.ndarray:
        """Device-seconds: the log says how fast the images of each of its intervals were shown, on how many devices."""
        seen, seconds = self._clock
        if len(seen) < 2:
            return np.full(len(images), math.nan)
        beyond = np.maximum(images - seen[-1], 0) * (seconds[-1] - seconds[-2]) / (seen[-1] - seen[-2])
        return np.interp(images, seen, seconds) + beyond

    @cached_property
    def _clock(self) -> tuple[np.ndarray, np.ndarray]:
        speed, devices = self.log.column("time/images_per_s"), self.log.column("time/devices")
        on = np.full(len(self.log), float(self._configured_devices))
        told = np.isfinite(devices.values) & (devices.values > 0)
        on[devices.lines[told]] = devices.values[told]
        images = self.log.images[speed.lines]
        good = np.isfinite(speed.values) & (speed.values > 0) & (images > 0)
        seen, last = np.unique(images[good][::-1], return_index=True)
        cost = (on[speed.lines] / np.where(good, speed.values, 1.0))[good][::-1][last]
        seen = np.concatenate([[0], seen])
        return seen, np.concatenate([[0.0], np.cumsum(np.diff(seen) * cost)])

    @property
    def _configured_devices(self) -> int:
        devices = self.config.get("trainer.devices")
        count = len(devices) if isinstance(devices, list) else devices
        return (
            max(1, count) * max(1, self.config.get("trainer.num_nodes", 1)) if isinstance(count, int) else 1
        )


def read_run(path: Path) -> RunRecord:
    """Read what there is of a run; what is missing or damaged is named in its `problems`."""
    folder, problems = RunFolder(path), list[str]()
    summary = read_summary(folder, problems)
    config = read_config(folder, problems)
    starts = read_starts(folder, problems)
    log = read_log(folder)
    if not os.path.isfile(folder.metrics):
        problems.append("no metrics.jsonl")
    return RunRecord(
        path=path, state=read_state(folder, summary, config, starts, log), config=config,
        final=summary.final, best=summary.best, fresh=summary.fresh, protocol=summary.protocol,
        findings=summary.findings, draw=draw(config, starts.data, log), start=starts.first, commit=starts.commit, log=log,
        problems=tuple(problems),
    )  # fmt: skip


def read_runs(paths: Iterable[Path]) -> list[RunRecord]:
    """Read all; raises GanlabError if not one of them has anything to read."""
    runs = [read_run(path) for path in paths]
    if not any(run.config or len(run.log) or run.final for run in runs):
        raise GanlabError("none of these runs can be read: " + "; ".join(runs[0].problems))
    return runs
