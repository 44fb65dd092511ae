"""What a page shows, as one object of JSON: the runs, the keys that tell them apart, and how they were measured."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np

from ganlab.health import in_words
from ganlab.protocol import OF_ONE_NUMBER, how
from ganlab.report.comparison import by_protocol, keys_of, rankable
from ganlab.report.pictures import sample_pictures
from ganlab.report.reading import Curve, RunRecord
from ganlab.report.repeats import kind
from ganlab.report.settings import LOSS, SETTING, say, varying
from ganlab.report.statistics import LEAST, LEVEL
from ganlab.report.thinning import short, thin
from ganlab.report.untrusted import text

_POINTS = 120_000  # of the health curves of all runs together: some 2 MB


def payload(runs: Sequence[RunRecord], *, by: str, metric: str | None) -> dict[str, Any]:
    """Everything on the page; `by` and `metric` are what it opens with."""
    lots = by_protocol(runs)
    protocols = [dict(how(lot[0].protocol)) for lot in lots if lot[0].protocol]
    lot_of = {id(run): i for i, lot in enumerate(lots) for run in lot if run.protocol}
    keys = varying(runs)
    own = {id(run): values for lot in lots for run, values in zip(lot, keys_of(lot), strict=True)}
    pictures = sample_pictures(runs)
    names = _names(runs)
    shared = {
        key: value for key, value in next((r.config for r in runs if r.config), {}).items() if key not in keys
    }
    most = max(40, min(240, _POINTS // max(1, sum(len(run.curves) for run in runs))))
    return {
        "made": datetime.now(UTC).isoformat(timespec="seconds"), "version": version("ganlab"),
        "opens": {"by": by, "metric": metric}, "least": LEAST, "level": LEVEL,
        "protocols": protocols, "directions": rankable(runs),
        "keys": [SETTING, LOSS, *keys], "shared": {key: _value(value) for key, value in shared.items()},
        "runs": [
            {
                **_about(run, name), "protocol": lot_of.get(id(run)), "pictures": shown,
                "config": {k: _value(own[id(run)][k]) for k in (SETTING, LOSS, *keys) if k in own[id(run)]},
                **_curves(run, most),
            }
            for run, name, shown in zip(runs, names, pictures, strict=True)
        ],
    }  # fmt: skip


def _value(value: Any) -> Any:
    """Numbers that JSON has stay numbers, for axes and sorting; all else becomes text."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return value if number else say(value)


def _about(run: RunRecord, name: str) -> dict[str, Any]:
    state = run.state
    one = {key: say(value) for key, value in (run.protocol or {}).items() if key in OF_ONE_NUMBER}
    return {
        "name": name, "path": run.where, "state": state.name, "reason": state.reason,
        "problems": list(run.problems), "images": state.images, "budget": state.budget,
        "seed": run.seed, "draw": run.draw, "notes": run.config.get("run.notes"),
        "repeats": [{"path": other.where, "kind": kind(other, run)} for other in run.repeats],
        "findings": [{"rule": f["rule"], "said": said} for f, said in _ill(run)],
        "commit": run.commit, "measured": one,
        "final": {k: short(np.array([v]), 6)[0] for k, v in run.final.items()},
        "best": {k: short(np.array([v]), 6)[0] for k, v in run.best.items()},
        "fresh": {k: short(np.array([v]), 6)[0] if isinstance(v, float) else v for k, v in run.fresh.items()},
    }  # fmt: skip


def _ill(run: RunRecord) -> list[tuple[dict[str, Any], str]]:
    """One finding of each rule that has held, and what is said of all of them."""
    by_rule = {finding["rule"]: finding for finding in run.findings}
    return list(zip(by_rule.values(), in_words(list(run.findings)), strict=True)) if by_rule else []


def _names(runs: Sequence[RunRecord]) -> list[str]:
    """Folder names, with as many parents as it takes to tell them apart."""
    names = [run.name for run in runs]
    for depth in range(2, 6):
        twice = {name for name in names if names.count(name) > 1}
        if not twice:
            break
        names = [
            text("/".join(run.path.absolute().parts[-depth:])) if name in twice else name
            for run, name in zip(runs, names, strict=True)
        ]
    return names


def _curves(run: RunRecord, most: int) -> dict[str, Any]:
    """Values against images seen; `clock` says how many G steps and device-seconds those were."""
    curves = {
        name: curve for name, curve in run.curves.items() if not name.startswith(("best/", "time/devices"))
    }
    measured = {k.removeprefix("eval/"): _points(c, 300) for k, c in curves.items() if k.startswith("eval/")}
    health = {k: _points(c, most) for k, c in curves.items() if not k.startswith("eval/")}
    return {"curves": measured, "health": health, "clock": _clock(list(curves.values()))}


def _points(curve: Curve, most: int) -> list[list[float | int | None]]:
    x, y = thin(curve.images, curve.value, most)
    return [short(x, 9), short(y)]


def _clock(curves: Sequence[Curve]) -> list[list[float | int | None]]:
    if not curves:
        return [[], [], []]
    longest = max(curves, key=lambda curve: (curve.images[-1], len(curve)))
    some = np.unique(np.linspace(0, len(longest) - 1, 64).astype(int))
    return [short(values[some], 7) for values in (longest.images, longest.iteration, longest.seconds)]
