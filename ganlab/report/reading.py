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
from ganlab.report.log import Log, read_log
from ganlab.report.state import State, read_state
from ganlab.runs import RunFolder

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # PyYAML without its C part is the same, slower
    from yaml import SafeLoader as _Loader


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
        findings: what the rules of `ganlab.health` found, as the summary has them.
        log: metrics.jsonl.
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
    findings: tuple[dict[str, Any], ...]
    log: Log = field(repr=False)
    problems: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.path.name or str(self.path)

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
        told = devices.values > 0
        on[devices.lines[told]] = devices.values[told]
        images = self.log.images[speed.lines]
        good = np.isfinite(speed.values) & (speed.values > 0) & (images > 0)
        seen, last = np.unique(images[good][::-1], return_index=True)
        cost = (on[speed.lines] / np.where(good, speed.values, 1.0))[good][::-1][last]
        seen = np.concatenate([[0], seen])
        return seen, np.concatenate([[0.0], np.cumsum(np.diff(seen) * cost)])

    @property
    def _configured_devices(self) -> int:
        devices, nodes = self.config.get("trainer.devices"), self.config.get("trainer.num_nodes", 1)
        count = len(devices) if isinstance(devices, list) else devices
        return count * nodes if isinstance(count, int) and count > 0 else 1


def read_run(path: Path) -> RunRecord:
    """Read what there is of a run; what is missing or damaged is named in its `problems`."""
    folder, problems = RunFolder(path), []
    summary, problem = _mapping(path / "summary.json", json.loads)
    problems += problem
    config, problem = _mapping(folder.config, lambda text: yaml.load(text, _Loader))
    problems += problem
    starts, problem = _parsed(path / "environment.json", json.loads)
    problems += problem
    log = read_log(folder)
    if not folder.metrics.is_file():
        problems.append("no metrics.jsonl")
    environment = starts[-1] if isinstance(starts, list) and starts and isinstance(starts[-1], dict) else {}
    config = flat(config) if config else {}
    protocol = summary.get("protocol")
    return RunRecord(
        path=path, state=read_state(folder, summary, config, environment, log), config=config,
        final=_numbers(summary.get("final")), best=_numbers(summary.get("best")),
        fresh=_fresh(summary.get("selection")),
        protocol=protocol if isinstance(protocol, dict) and protocol else None,
        environment=environment, findings=_findings(summary.get("health")), log=log, problems=tuple(problems),
    )  # fmt: skip


def read_runs(paths: Iterable[Path]) -> list[RunRecord]:
    """Read all; raises GanlabError if not one of them has anything to read."""
    runs = [read_run(path) for path in paths]
    if not any(run.config or len(run.log) or run.final for run in runs):
        raise GanlabError("none of these runs can be read: " + "; ".join(runs[0].problems))
    return runs


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


def _findings(value: Any) -> tuple[dict[str, Any], ...]:
    """Those that are whole."""
    kinds = {"rule": str, "sentence": str, "remedy": str, "first_images": int, "last_images": int}
    found = [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
    return tuple(
        entry for entry in found if all(isinstance(entry.get(name), kind) for name, kind in kinds.items())
    )


def _numbers(value: Any) -> dict[str, float]:
    if not isinstance(value, dict):
        return {}
    return {k: float(v) for k, v in value.items() if isinstance(v, (int, float)) and not isinstance(v, bool)}
