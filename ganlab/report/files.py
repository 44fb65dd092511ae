"""What a run's summary.json, config.yaml and environment.json say, each field of its type or left out and named."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ganlab.config import bounded_yaml
from ganlab.config.files import flat
from ganlab.report.untrusted import is_count, is_finite, is_number, parsed
from ganlab.runs import RunFolder

STATES = ("running", "finished", "preempted", "failed", "stale", "unknown")


@dataclass(frozen=True, kw_only=True)
class Summary:
    """summary.json; see `ganlab.report.reading.RunRecord` for what is not said here.

    Attributes:
        state: one of `STATES`, unknown where the file does not say.
        images: real images shown to D, None where the file does not say.
    """

    state: str = "unknown"
    reason: str | None = None
    images: int | None = None
    final: Mapping[str, float] = field(default_factory=dict)
    best: Mapping[str, float] = field(default_factory=dict)
    fresh: Mapping[str, Any] = field(default_factory=dict)
    protocol: Mapping[str, Any] | None = None
    findings: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Starts:
    """environment.json.

    Attributes:
        first: names the run among all others, wherever its folder was copied to; None if not known.
        data: fingerprint of the content of the data at the last start; None: not told.
        commit: of the last start.
        process: of the last start, as `ganlab.runs.process` names it; None if not known.
    """

    first: str | None = None
    data: str | None = None
    commit: str | None = None
    process: Mapping[str, Any] | None = None


class _Fields:
    """The fields of a mapping; one that is not what it should be is left out, which `problems` says."""

    def __init__(self, file: str, values: Mapping[str, Any], problems: list[str]) -> None:
        self._file, self._values, self._problems = file, values, problems

    def get(self, name: str, fits: Callable[[Any], bool], kind: str, *, null: bool = True) -> Any:
        """The value; None where it is missing, is null, or does not fit."""
        value = self._values.get(name)
        if name not in self._values or (value is None and null) or fits(value):
            return value
        self._problems.append(f"{self._file}: {name} is not {kind}")
        return None

    def numbers(self, name: str) -> dict[str, float]:
        values = self.get(name, lambda value: isinstance(value, dict), "a mapping") or {}
        own = _Fields(f"{self._file}: {name}", values, self._problems)
        read = {key: own.get(key, is_number, "a number") for key in values}
        return {key: float(value) for key, value in read.items() if value is not None}


def read_summary(folder: RunFolder, problems: list[str]) -> Summary:
    values = _mapping(folder, "summary.json", json.loads, problems)
    fields = _Fields("summary.json", values, problems)
    return Summary(
        state=fields.get("state", lambda value: value in STATES, f"one of {', '.join(STATES)}") or "unknown",
        reason=fields.get("reason", _is_text, "text"),
        images=fields.get("images", is_count, "a number of images"),
        final=fields.numbers("final"), best=fields.numbers("best"), fresh=_fresh(values.get("selection")),
        protocol=fields.get("protocol", _is_protocol, "a mapping of finite values") or None,
        findings=_findings(values.get("health")),
    )  # fmt: skip


def read_config(folder: RunFolder, problems: list[str]) -> dict[str, Any]:
    """Values by dotted key; empty if the file is gone or damaged."""
    values = _mapping(folder, "config.yaml", bounded_yaml.load, problems)
    config = flat(values) if values else {}
    fields = _Fields("config.yaml", config, problems)
    for name, fits, kind in (
        ("budget.images", is_count, "a number of images"),
        ("trainer.num_nodes", is_count, "a number of nodes"),
        ("trainer.devices", _are_devices, "a number of devices"),
        ("run.notes", lambda value: value is None or _is_text(value), "text"),
    ):
        if name in config and fields.get(name, fits, kind, null=False) is None:
            del config[name]
    # one that is no number equals nothing, not even itself
    return {key: str(v) if isinstance(v, float) and not math.isfinite(v) else v for key, v in config.items()}


def read_starts(folder: RunFolder, problems: list[str]) -> Starts:
    starts, problem = parsed(folder.environment, json.loads)
    if problem is None and not (
        isinstance(starts, list) and starts and all(isinstance(s, dict) for s in starts)
    ):
        problem = "environment.json is damaged: it is not a list of starts"
    if problem is not None:
        problems.append(problem)
        return Starts()
    (first, last), told = (starts[0], starts[-1]), ("started", "host", "process")
    fields = _Fields("environment.json", last, problems)
    depends = fields.get("dependencies", lambda value: isinstance(value, dict), "a mapping") or {}
    return Starts(
        first=json.dumps([first[name] for name in told]) if all(first.get(name) for name in told) else None,
        data=_Fields("environment.json: dependencies", depends, problems).get("data", _is_text, "text"),
        commit=fields.get("git_commit", _is_text, "text"),
        process=fields.get("process", _is_process, "a process with its number"),
    )


def _mapping(
    folder: RunFolder, name: str, parse: Callable[[str], Any], problems: list[str]
) -> dict[str, Any]:
    value, problem = parsed(folder.path / name, parse)
    if problem is None and not isinstance(value, dict):
        problem = f"{name} is damaged: it is not a mapping"
    if problem is not None:
        problems.append(problem)
        return {}
    return value


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_process(value: Any) -> bool:
    return isinstance(value, dict) and is_count(value.get("pid"))


def _is_protocol(value: Any) -> bool:
    return isinstance(value, dict) and is_finite(value)


def _are_devices(value: Any) -> bool:
    """A number, the numbers of some, or text such as auto."""
    return is_count(value) or isinstance(value, (list, str))


def _fresh(selection: Any) -> dict[str, Any]:
    """``metric``, its value ``last`` and ``best``, at ``images`` of the best, on how many ``samples``; empty unless whole."""
    match selection:
        case {
            "metric": str(metric), "last": {"value": last},
            "best": {"value": best, "protocol": {"images": images, "n_fake": n, "seed": list(seeds)}},
        } if is_number(last) and is_number(best) and is_count(images) and is_count(n):  # fmt: skip
            return {
                "metric": metric, "last": float(last), "best": float(best), "images": images,
                "samples": f"{len(seeds)} x {n:,}",
            }  # fmt: skip
    return {}


def _findings(value: Any) -> tuple[dict[str, Any], ...]:
    """Those that are whole."""
    kinds = {
        "rule": _is_text, "sentence": _is_text, "remedy": _is_text, "first_images": is_count, "last_images": is_count,
    }  # fmt: skip
    found = [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
    return tuple(entry for entry in found if all(fits(entry.get(name)) for name, fits in kinds.items()))
