"""A parameter of a W&B sweep: what it may be, and how a value is written on a command line."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ganlab.config.groups import nearest
from ganlab.errors import ConfigError

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

_RANGES = ("int_uniform", "uniform", "q_uniform", "log_uniform", "log_uniform_values", "q_log_uniform_values")
_DISTRIBUTIONS = ("constant", "categorical", *_RANGES)
_KEYS = ("value", "values", "min", "max", "distribution", "q")


@dataclass(frozen=True)
class Parameter:
    """One key of a run's configuration, or one group.

    Attributes:
        key: dotted, as on the command line.
        choices: the texts of its values, as `${args_no_hyphens}` writes them; empty for a range.
        kind: "choice", "int" or "float".
        low, high: of a range.
        log: whether the range is even in the logarithm.
        step: what values are multiples of, counted from `low` (from 0 where `log`); None: none.
    """

    key: str
    choices: tuple[str, ...] = ()
    kind: str = "choice"
    low: float = math.nan
    high: float = math.nan
    log: bool = False
    step: float | None = None

    @property
    def grid(self) -> tuple[str, ...]:
        """All its values; none if they cannot be counted."""
        if self.choices or self.log or (self.kind == "float" and self.step is None):
            return self.choices
        step = self.step or 1
        count = math.floor((self.high - self.low) / step + 1e-9) + 1
        return tuple(self.text(self.low + i * step) for i in range(count))

    @property
    def probes(self) -> tuple[str, ...]:
        """Values that must all be acceptable if the parameter is."""
        return self.choices or (self.text(self.low), self.text(self.high))

    def text(self, value: Any) -> str:
        """A value as it stands on the command line."""
        if self.kind == "choice":
            return str(value)
        if self.log and self.step:
            value = min(max(round(value / self.step) * self.step, self.low), self.high)
        return str(int(value)) if self.kind == "int" else repr(float(value))

    def distribution(self) -> "BaseDistribution":
        """The same for Optuna."""
        from optuna import distributions

        if self.kind == "choice":
            return distributions.CategoricalDistribution(self.choices)
        if self.kind == "int":
            return distributions.IntDistribution(int(self.low), int(self.high))
        step = None if self.log else self.step
        return distributions.FloatDistribution(self.low, self.high, log=self.log, step=step)


def read_parameter(key: str, entry: Any) -> Parameter:
    """A parameter from its entry in a sweep file.

    Raises:
        ConfigError: an unknown key or distribution, a missing bound, or a value that no command line can hold.
    """
    where = f"parameters.{key}"
    if not isinstance(entry, Mapping):
        raise ConfigError(f"{where} must be a mapping such as {{values: [1, 2]}}, got {entry!r}")
    if "parameters" in entry:
        raise ConfigError(f"{where}: nested parameters are not supported; write the dotted key, {key}.NAME")
    for name in entry:
        if name not in _KEYS:
            hint = nearest(str(name), _KEYS) or f"; it knows {', '.join(_KEYS)}"
            raise ConfigError(f"{where} has an unknown key '{name}'{hint}")
    if "value" in entry or "values" in entry:
        return _choices(key, entry)
    kind = entry.get("distribution") or _guess(where, entry)
    if kind not in _DISTRIBUTIONS:
        known = ", ".join(_DISTRIBUTIONS)
        raise ConfigError(f"{where}: the distribution '{kind}' is not supported; ganlab sweep knows {known}")
    if kind not in _RANGES:
        raise ConfigError(
            f"{where}: the distribution '{kind}' needs {'value' if kind == 'constant' else 'values'}"
        )
    low, high = (_number(f"{where}.{name}", entry.get(name)) for name in ("min", "max"))
    return _range(key, kind, low, high, entry.get("q"))


def _choices(key: str, entry: Mapping[str, Any]) -> Parameter:
    values = entry["values"] if "values" in entry else [entry["value"]]
    if not isinstance(values, Sequence) or isinstance(values, str) or not values:
        raise ConfigError(f"parameters.{key}.values must be a list of at least one value, got {values!r}")
    for value in values:
        if isinstance(value, Mapping):
            raise ConfigError(
                f"parameters.{key}: {json.dumps(value)} is a mapping; sweep its keys one by one"
            )
    texts = tuple(str(value) for value in values)
    if len(set(texts)) < len(texts):
        raise ConfigError(f"parameters.{key}.values has a value twice")
    return Parameter(key, choices=texts)


def _guess(where: str, entry: Mapping[str, Any]) -> str:
    """As W&B does where no distribution is named."""
    if "min" not in entry or "max" not in entry:
        raise ConfigError(f"{where} needs value, values, or min and max")
    return "int_uniform" if all(type(entry[name]) is int for name in ("min", "max")) else "uniform"


def _number(where: str, value: Any) -> float:
    try:
        number = float(value)  # YAML reads 1e-5 as text
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or isinstance(value, bool):
        raise ConfigError(f"{where} must be a number, got {value!r}")
    return number


def _range(key: str, kind: str, low: float, high: float, q: Any) -> Parameter:
    if kind == "log_uniform":  # its bounds are exponents
        low, high = math.exp(low), math.exp(high)
    log = kind.removeprefix("q_").startswith("log_")
    if low >= high or (log and low <= 0):
        raise ConfigError(f"parameters.{key}: min must be below max{' and above 0' if log else ''}")
    step = None
    if kind.startswith("q_"):
        step = _number(f"parameters.{key}.q", 1 if q is None else q)
        if step <= 0:
            raise ConfigError(f"parameters.{key}.q must be above 0, got {q}")
    return Parameter(
        key, kind="int" if kind == "int_uniform" else "float", low=low, high=high, log=log, step=step
    )
