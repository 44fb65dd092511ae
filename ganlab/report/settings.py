"""What a run was set to, in few words: the name of its loss, and what else sets it apart from the other runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ganlab.config import choices
from ganlab.report.reading import RunRecord

SETTING, LOSS = "setting", "loss"  # keys of every run beside those of its configuration

# What two runs may differ in and still be two seeds of one setting; an evaluation that differs shows in the protocol.
_NO_SETTING = (
    "seed",
    "run",
    "wandb",
    "log",
    "checkpoint",
    "samples",
    "evaluation",
    "data.root",
    "trainer.accelerator",
)


@dataclass(frozen=True)
class Recipe:
    """An objective that ganlab ships; `penalties` is None where the recipe leaves them to others."""

    name: str
    arguments: Mapping[str, Any]
    penalties: frozenset[str] | None
    constraints: frozenset[str]


def loss_name(config: Mapping[str, Any]) -> str:
    """The shipped recipe that a configuration follows, or its objective's class; penalties of its own after a plus."""
    target = config.get("objective._target_")
    if not isinstance(target, str):
        return "unknown"
    penalties, constraints = _names(config, "penalty"), _names(config, "constraint")
    fitting = [
        recipe for recipe in recipes()
        if recipe.arguments.get("_target_") == target and recipe.constraints == constraints
        and recipe.penalties in (None, penalties)
    ]  # fmt: skip
    if not fitting:
        return " + ".join([target.rpartition(".")[2], *sorted(penalties), *sorted(constraints)])

    def likeness(recipe: Recipe) -> tuple[bool, int]:
        same = [config.get(f"objective.{name}") == value for name, value in recipe.arguments.items()]
        return recipe.penalties is not None, sum(same)

    best = max(fitting, key=likeness)
    own = penalties if best.penalties is None and penalties != _usual_penalties() else frozenset[str]()
    bare = best.penalties is None and not penalties
    return f"{best.name}, no penalty" if bare else " + ".join([best.name, *sorted(own)])


@cache
def recipes() -> tuple[Recipe, ...]:
    """Those of ``configs/objective``."""
    return tuple(_recipe(name, path) for name, path in choices()["objective"].items())


def _recipe(name: str, path: Path) -> Recipe:
    text = path.read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    if not text.startswith("# @package _global_"):
        return Recipe(name, content, None, frozenset())
    chosen = [
        entry["override /penalty"] for entry in content.get("defaults", []) if "override /penalty" in entry
    ]
    penalties = frozenset(chosen[0]) if chosen else None
    return Recipe(name, content["objective"], penalties, frozenset(content.get("constraint", {})))


@cache
def _usual_penalties() -> frozenset[str]:
    (any_file, *_) = choices()["objective"].values()
    defaults = yaml.safe_load((any_file.parent.parent / "train.yaml").read_text(encoding="utf-8"))["defaults"]
    return frozenset(next(entry["penalty"] for entry in defaults if "penalty" in entry))


def _names(config: Mapping[str, Any], section: str) -> frozenset[str]:
    return frozenset(key.split(".")[1] for key in config if key.startswith(f"{section}."))


def varying(runs: Sequence[RunRecord]) -> list[str]:
    """Keys, sorted, whose values differ between these runs; a run whose configuration is gone has no say."""
    known = [run.config for run in runs if run.config]
    keys = sorted({key for config in known for key in config})
    return [key for key in keys if any(config.get(key) != known[0].get(key) for config in known)]


def setting_names(runs: Sequence[RunRecord]) -> list[str]:
    """For each run its loss, and the keys in which runs of that loss differ; seeds of one setting share the name."""
    losses = [loss_name(run.config) for run in runs]
    apart = {}
    for loss in dict.fromkeys(losses):
        alike = [run for run, own in zip(runs, losses, strict=True) if own == loss]
        apart[loss] = [key for key in varying(alike) if not _beside_setting(key)]
    return [_setting(run, loss, apart[loss]) for run, loss in zip(runs, losses, strict=True)]


def _beside_setting(key: str) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in _NO_SETTING)


def _setting(run: RunRecord, loss: str, keys: Sequence[str]) -> str:
    words = [
        f"{_short(key, keys)}={_last_word(key, say(run.config[key]))}" for key in keys if key in run.config
    ]
    return " · ".join([loss, *words])


def _short(key: str, keys: Sequence[str]) -> str:
    """The last words of a dotted key that tell it from the others; a class by what it is for."""
    if key.endswith("._target_"):
        return key.removesuffix("._target_").rpartition(".")[2]
    words = key.split(".")
    for n in range(1, len(words)):
        tail = ".".join(words[-n:])
        if sum(other == tail or other.endswith(f".{tail}") for other in keys) == 1:
            return tail
    return key


def _last_word(key: str, value: str) -> str:
    return value.rpartition(".")[2] if key.endswith("._target_") else value


def say(value: Any) -> str:
    """A configuration's value as a person writes it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return "[" + ", ".join(map(say, value)) + "]"
    return str(value)
