"""One run as its folder tells it: still training, torn by a crash or half deleted, it is read as far as it goes."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ganlab.config.files import flat
from ganlab.errors import GanlabError
from ganlab.report.state import State, read_state
from ganlab.runs import RunFolder

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # PyYAML without its C part is the same, slower
    from yaml import SafeLoader as _Loader

AXES = ("images", "iteration", "seconds")


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
        fresh: the last and the best checkpoint on fresh samples, as `_fresh` has it; empty if nobody compared them.
        protocol: how final and best were measured; None: nobody says.
        environment: of its last start.
        lines: of metrics.jsonl.
        problems: what could not be read.
    """

    path: Path
    state: State
    config: Mapping[str, Any]
    final: Mapping[str, float]
    best: Mapping[str, float]
    fresh: Mapping[str, Any]
    protocol: Mapping[str, Any] | None
    environment: Mapping[str, Any]
    lines: list[dict[str, Any]] = field(repr=False)
    problems: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.path.name or str(self.path)

    @property
    def seed(self) -> Any:
        return self.config.get("seed")

    @cached_property
    def curves(self) -> dict[str, Curve]:
        """Every numeric value of the log by its name; the last one of those at the same number of images."""
        columns: dict[str, list[tuple[int, int, float]]] = {}
        for line in self.lines:
            images, iteration = line["images"], line.get("iteration", 0)
            for name, value in line.items():
                if type(value) in (float, int):
                    columns.setdefault(name, []).append((images, iteration, value))
        return {
            name: self._curve(np.array(column, float)) for name, column in columns.items() if name not in AXES
        }

    @property
    def last(self) -> tuple[int, float | None]:
        """G steps and device-seconds so far; None where the seconds are not known."""
        if not self.lines:
            return 0, None
        newest = max(self.lines, key=lambda line: line["images"])
        seconds = float(self._seconds_at(np.array([newest["images"]]))[0])
        return int(newest.get("iteration", 0)), None if math.isnan(seconds) else seconds

    def _curve(self, points: np.ndarray) -> Curve:
        """From (N, 3): images, iteration, value."""
        images, last = np.unique(points[::-1, 0], return_index=True)
        iteration, value = points[::-1][last, 1:].T
        return Curve(images, iteration, self._seconds_at(images), value)

    def _seconds_at(self, images: np.ndarray) -> np.ndarray:
        """Device-seconds: the log says how fast the images of each of its intervals were shown, on how many devices."""
        seen, seconds = self._clock
        if len(seen) < 2:
            return np.full(len(images), math.nan)
        beyond = np.maximum(images - seen[-1], 0) * (seconds[-1] - seconds[-2]) / (seen[-1] - seen[-2])
        return np.interp(images, seen, seconds) + beyond

    @cached_property
    def _clock(self) -> tuple[np.ndarray, np.ndarray]:
        speeds = {
            line["images"]: (line["time/images_per_s"], line.get("time/devices") or self._configured_devices)
            for line in self.lines
            if _is_positive(line.get("time/images_per_s")) and line["images"] > 0
        }
        seen = np.array([0, *sorted(speeds)], dtype=float)
        rate, devices = np.array([speeds[int(x)] for x in seen[1:]], dtype=float).reshape(-1, 2).T
        return seen, np.concatenate([[0.0], np.cumsum(np.diff(seen) / rate * devices)])

    @property
    def _configured_devices(self) -> int:
        devices, nodes = self.config.get("trainer.devices"), self.config.get("trainer.num_nodes", 1)
        count = len(devices) if isinstance(devices, list) else devices
        return count * nodes if isinstance(count, int) and count > 0 else 1


def _is_positive(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value) and value > 0


def read_run(path: Path) -> RunRecord:
    """Read what there is of a run; what is missing or damaged is named in its `problems`."""
    folder, problems = RunFolder(path), []
    summary, problem = _mapping(path / "summary.json", json.loads)
    problems += problem
    config, problem = _mapping(folder.config, lambda text: yaml.load(text, _Loader))
    problems += problem
    starts, problem = _parsed(path / "environment.json", json.loads)
    problems += problem
    lines = _lines(folder)
    if not folder.metrics.is_file():
        problems.append("no metrics.jsonl")
    environment = starts[-1] if isinstance(starts, list) and starts and isinstance(starts[-1], dict) else {}
    config = flat(config) if config else {}
    protocol = summary.get("protocol")
    return RunRecord(
        path=path, state=read_state(folder, summary, config, environment, lines), config=config,
        final=_numbers(summary.get("final")), best=_numbers(summary.get("best")),
        fresh=_fresh(summary.get("selection")),
        protocol=protocol if isinstance(protocol, dict) and protocol else None,
        environment=environment, lines=lines, problems=tuple(problems),
    )  # fmt: skip


def read_runs(paths: Iterable[Path]) -> list[RunRecord]:
    """Read all; raises GanlabError if not one of them has anything to read."""
    runs = [read_run(path) for path in paths]
    if not any(run.config or run.lines or run.final for run in runs):
        raise GanlabError("none of these runs can be read: " + "; ".join(runs[0].problems))
    return runs


def _lines(folder: RunFolder) -> list[dict[str, Any]]:
    try:
        return list(folder.read_metrics())
    except OSError:
        return []


def _parsed(path: Path, parse: Any) -> tuple[Any, list[str]]:
    try:
        return parse(path.read_text(encoding="utf-8")), []
    except FileNotFoundError:
        return None, [f"no {path.name}"]
    except OSError as error:
        return None, [f"{path.name} cannot be read: {error.strerror}"]
    except (ValueError, yaml.YAMLError):
        return None, [f"{path.name} is damaged"]


def _mapping(path: Path, parse: Any) -> tuple[dict[str, Any], list[str]]:
    value, problems = _parsed(path, parse)
    if isinstance(value, dict):
        return value, []
    return {}, problems or [f"{path.name} is damaged"]


def _fresh(selection: Any) -> dict[str, Any]:
    """``metric``, its value ``last`` and ``best``, at ``images`` of the best, on how many ``samples``."""
    try:
        last, best = selection["last"], selection["best"]
        protocol = best["protocol"]
        return {
            "metric": str(selection["metric"]), "last": float(last["value"]), "best": float(best["value"]),
            "images": int(protocol["images"]), "samples": f"{len(protocol['seed'])} x {int(protocol['n_fake']):,}",
        }  # fmt: skip
    except (KeyError, TypeError, ValueError):
        return {}


def _numbers(value: Any) -> dict[str, float]:
    if not isinstance(value, dict):
        return {}
    return {k: float(v) for k, v in value.items() if isinstance(v, (int, float)) and not isinstance(v, bool)}
