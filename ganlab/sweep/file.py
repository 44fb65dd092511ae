"""A W&B sweep file, read for `ganlab sweep`: the same file, checked before anything is trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from ganlab import config
from ganlab.config.groups import nearest
from ganlab.config.values import split_word
from ganlab.errors import ConfigError
from ganlab.sweep.parameters import Parameter, read_parameter

_KEYS = (
    "name", "description", "project", "entity", "program", "method", "metric", "parameters", "command",
    "early_terminate", "run_cap",
)  # fmt: skip
METHODS = ("grid", "random", "bayes")
_LAUNCHERS = ("${env}", "${interpreter}", "${program}", "ganlab", "python", "-m")


@dataclass(frozen=True)
class SweepFile:
    """What is swept, and what every trial has in common.

    Attributes:
        metric: ``best/…`` or ``eval/…``, which carry a protocol.
        goal: "minimize" or "maximize".
        words: the settings in ``command``, for every trial.
        config_dirs: the folders of YAML in ``command``.
        run_cap: the most trials, None if the file does not say.
    """

    path: Path
    name: str
    method: str
    metric: str
    goal: Literal["minimize", "maximize"]
    parameters: dict[str, Parameter]
    words: list[str]
    config_dirs: list[str]
    run_cap: int | None
    early_terminate: bool

    def check(self, overrides: Sequence[str]) -> None:
        """Compose a run with every value of every parameter, one after another.

        Raises:
            ConfigError: a parameter or a value that no run has, or an override of what is swept.
        """
        for word in overrides:
            key = split_word(word)[0]
            if key in self.parameters:
                raise ConfigError(f"{key} is swept by {self.path}; it cannot be set for every trial as well")
            if key == "run.name":
                raise ConfigError("run.name is chosen by the sweep; run.root is yours to set")
        base = [*self.words, *(f"{key}={p.probes[0]}" for key, p in self.parameters.items()), *overrides]
        for key, parameter in self.parameters.items():
            for text in parameter.probes:
                try:
                    config.validate(config.compose([*base, f"{key}={text}"], self.config_dirs))
                except ConfigError as error:
                    raise ConfigError(f"{self.path}: parameters.{key}: {error}") from error


def read_sweep(path: Path | str) -> SweepFile:
    """Read a sweep file; raises ConfigError, in a sentence that begins with the file's name."""
    path = Path(path)
    try:
        content = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())[:200]}") from error
    try:
        return _sweep(path, content)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def _sweep(path: Path, content: Any) -> SweepFile:
    if not isinstance(content, Mapping) or "parameters" not in content:
        raise ConfigError("a sweep file has method, metric and parameters")
    for key in content:
        if key not in _KEYS:
            raise ConfigError(
                f"unknown key '{key}'{nearest(str(key), _KEYS) or f'; it knows {_listed(_KEYS)}'}"
            )
    if content.get("method") not in METHODS:
        raise ConfigError(f"the method '{content.get('method')}' is not supported; choose {_listed(METHODS)}")
    metric, goal = _metric(content.get("metric"))
    if not isinstance(content["parameters"], Mapping) or not content["parameters"]:
        raise ConfigError("parameters must be a mapping of at least one key")
    parameters = {str(key): read_parameter(str(key), entry) for key, entry in content["parameters"].items()}
    words, dirs = _command(content.get("command"))
    words += [f"wandb.{key}={content[key]}" for key in ("project", "entity") if key in content]
    cap = content.get("run_cap")
    if cap is not None and (type(cap) is not int or cap < 1):
        raise ConfigError(f"run_cap must be a whole number of at least 1, got {cap!r}")
    if content["method"] == "grid":
        for key, parameter in parameters.items():
            if not parameter.grid:
                raise ConfigError(
                    f"parameters.{key}: a grid needs values, or whole numbers between min and max"
                )
    name = str(content.get("name") or path.stem)
    if set(name) & set("/\\\0\n=") or name in (".", ".."):
        raise ConfigError(f"name must be the name of a folder, got '{name}'")
    return SweepFile(
        path,
        name,
        content["method"],
        metric,
        goal,
        parameters,
        words,
        dirs,
        cap,
        "early_terminate" in content,
    )


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words)


def _metric(entry: Any) -> tuple[str, Literal["minimize", "maximize"]]:
    if not isinstance(entry, Mapping) or set(entry) - {"name", "goal", "target"} or "name" not in entry:
        raise ConfigError("metric must be {name: best/fid_digits, goal: minimize} or the like")
    name, goal = str(entry["name"]), entry.get("goal", "minimize")
    if not name.startswith(("best/", "eval/")):
        raise ConfigError(
            f"metric.name is '{name}'; trials are ranked by a metric with a protocol, best/… or eval/…, never by a loss"
        )
    if goal not in ("minimize", "maximize"):
        raise ConfigError(f"metric.goal must be minimize or maximize, got '{goal}'")
    return name, goal


def _command(command: Any) -> tuple[list[str], list[str]]:
    """The settings and the folders of YAML in a command such as ``[${program}, train, a=1, ${args_no_hyphens}]``."""
    if command is None:
        raise ConfigError(
            "command is missing: [ganlab, train, '${args_no_hyphens}']; W&B's default has hyphens"
        )
    words = [str(word) for word in command] if isinstance(command, list) else []
    before, train, after = _partition(words, "train")
    if not train or "${args_no_hyphens}" not in after or any(word not in _LAUNCHERS for word in before):
        raise ConfigError(f"command must be ganlab train ... ${{args_no_hyphens}}, got {command}")
    settings, dirs = [], []
    rest = iter(after)
    for word in rest:
        if word == "--config-dir":
            dirs.append(next(rest, ""))
        elif word != "${args_no_hyphens}":
            split_word(word)
            settings.append(word)
    return settings, dirs


def _partition(words: list[str], at: str) -> tuple[list[str], bool, list[str]]:
    if at not in words:
        return words, False, []
    position = words.index(at)
    return words[:position], True, words[position + 1 :]
