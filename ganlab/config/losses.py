"""The name of a configuration's loss: that of the recipe in ``configs/objective`` that it follows."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig

from ganlab.config.files import flat, to_dict
from ganlab.config.groups import choices


@dataclass(frozen=True)
class Recipe:
    """An objective that ganlab ships; `penalties` is None where the recipe leaves them to others."""

    name: str
    arguments: Mapping[str, Any]
    penalties: frozenset[str] | None
    constraints: frozenset[str]


def loss_name(cfg: DictConfig) -> str:
    """See `loss_of`."""
    return loss_of(flat(to_dict(cfg)))


def loss_of(config: Mapping[str, Any]) -> str:
    """The shipped recipe that a configuration by dotted key follows, or its objective's class.

    Penalties of its own stand after a plus.
    """
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
