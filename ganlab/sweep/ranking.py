"""What a sweep has found: its trials, best first among those that were measured alike."""

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
        group.sort(key=lambda row: row["value"], reverse=study.sweep.goal == "maximize")
        lines += [f"  {row['value']:<10.5g} {row['run']}" for row in group[:best]]
        if len(group) > best:
            lines.append(f"  ... and {len(group) - best} more")
    failed = [row for row in found if row["state"] == "failed"]
    if failed:
        lines.append("failed:")
        lines += [f"  {row['run']}: {row['reason']}" for row in failed]
    left = sum(row["state"] in ("waiting", "running") for row in found)
    if left:
        lines.append(f"{left} of {len(found)} trials are not finished")
    return "\n".join(lines)
