"""What a run was set to, in few words: the name of its loss, and what else sets it apart from the other runs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ganlab.config.losses import loss_of
from ganlab.report.draw import beside_setting
from ganlab.report.reading import RunRecord

SETTING, LOSS = "setting", "loss"  # keys of every run beside those of its configuration

_COLUMNS = ("images", "iteration", "seconds", "seed")  # of tables, where they mean something else


def varying(runs: Sequence[RunRecord]) -> list[str]:
    """Keys, sorted, whose values differ between these runs; a run whose configuration is gone has no say."""
    known = [run.config for run in runs if run.config]
    keys = sorted({key for config in known for key in config})
    return [key for key in keys if any(config.get(key) != known[0].get(key) for config in known)]


def setting_names(runs: Sequence[RunRecord]) -> list[str]:
    """For each run its loss, and the keys in which runs of that loss differ; seeds of one setting share the name."""
    losses = [loss_of(run.config) for run in runs]
    apart = {}
    for loss in dict.fromkeys(losses):
        alike = [run for run, own in zip(runs, losses, strict=True) if own == loss]
        apart[loss] = _short([key for key in varying(alike) if not beside_setting(key)])
    return [_setting(run, loss, apart[loss]) for run, loss in zip(runs, losses, strict=True)]


def _setting(run: RunRecord, loss: str, keys: Mapping[str, str]) -> str:
    words = [
        f"{short}={_last_word(key, say(run.config[key]))}" for key, short in keys.items() if key in run.config
    ]
    return " · ".join([loss, *words])


def _short(keys: Sequence[str]) -> dict[str, str]:
    """The last words of each dotted key that tell it from the others and from columns; a class by what it is for."""
    shared = Counter(tail for key in keys for tail in _tails(key))
    found = {}
    for key in keys:
        telling = (tail for tail in _tails(key) if shared[tail] == 1 and tail not in _COLUMNS)
        found[key] = next(telling, key)
        if key.endswith("._target_"):
            found[key] = key.removesuffix("._target_").rpartition(".")[2]
    return found


def _tails(key: str) -> list[str]:
    """``a.b.c``: c, b.c, a.b.c."""
    words = key.split(".")
    return [".".join(words[-n:]) for n in range(1, len(words) + 1)]


def _last_word(key: str, value: str) -> str:
    return value.rpartition(".")[2] if key.endswith("._target_") else value


def say(value: Any) -> str:
    """A configuration's value as a person writes it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, list):
        return "[" + ", ".join(map(say, value)) + "]"
    return str(value)
