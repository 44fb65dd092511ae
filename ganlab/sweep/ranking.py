"""What a sweep has found: its trials, best first among those that were measured alike."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial

from ganlab.protocol import identity
from ganlab.sweep.study import Study


def rows(study: Study) -> list[dict[str, Any]]:
    """One row a trial: number, run, parameters, state, value, reason."""
    return [_row(study, trial) for trial in study.trials()]


def _row(study: Study, trial: FrozenTrial) -> dict[str, Any]:
    told = trial.user_attrs
    name = trial.state.name.lower()
    state = {"complete": "finished", "fail": "failed", "pruned": "failed"}.get(name, name)
    texts = {key: study.sweep.parameters[key].text(value) for key, value in trial.params.items()}
    return {
        "trial": trial.number, "run": str(study.folder / told["run"]) if "run" in told else None,
        "parameters": texts, "state": state, "value": trial.value if trial.values else None,
        "reason": told.get("reason"), "protocol": told.get("protocol"),
    }  # fmt: skip


def _once(found: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Trials by their parameters, the seed among them or the same for all: trained again, they tell nothing new."""
    alike: dict[tuple[tuple[str, str], ...], list[dict[str, Any]]] = {}
    for row in found:
        alike.setdefault(tuple(sorted(row["parameters"].items())), []).append(row)
    return list(alike.values())


def _line(same: Sequence[dict[str, Any]]) -> str:
    first, *others = same
    again = f"  (the same parameters: {', '.join(Path(row['run']).name for row in others)})" if others else ""
    return f"  {first['value']:<10.5g} {first['run']}{again}"


def table(study: Study, *, best: int = 10) -> str:
    """The best trials of each protocol, then those that failed with their reasons."""
    found = rows(study)
    lines = []
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in found:
        if row["value"] is not None:
            groups.setdefault(identity(row["protocol"]), []).append(row)
    for number, group in enumerate(groups.values(), start=1):
        apart = f" (protocol {number} of {len(groups)}; never ranked together)" if len(groups) > 1 else ""
        goal = study.sweep.goal.removesuffix("e")
        lines.append(f"{study.sweep.metric}, {goal}ed{apart}, one run each:")
        ranked = sorted(
            _once(group), key=lambda same: same[0]["value"], reverse=study.sweep.goal == "maximize"
        )
        lines += [_line(same) for same in ranked[:best]]
        if len(ranked) > best:
            lines.append(f"  ... and {len(ranked) - best} more")
    failed = [row for row in found if row["state"] == "failed"]
    if failed:
        lines.append("failed:")
        lines += [f"  {row['run']}: {row['reason']}" for row in failed]
    left = sum(row["state"] in ("waiting", "running") for row in found)
    if left:
        lines.append(f"{left} of {len(found)} trials are not finished")
    return "\n".join(lines)
