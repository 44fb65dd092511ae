"""A configuration as text and back, and two configurations compared."""

import logging
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ganlab.config import bounded_yaml, groups
from ganlab.config.schema import Config
from ganlab.config.settings import apply
from ganlab.config.values import split_word
from ganlab.errors import ConfigError

_log = logging.getLogger(__name__)
# What may change between the parts of one run: how long, on what, and what is written about it.
_MAY_CHANGE = {"budget", "trainer", "run", "wandb", "log", "checkpoint", "diagnostics", "health"}


def to_dict(cfg: DictConfig) -> dict[str, Any]:
    """The configuration as plain dicts and lists, interpolations resolved."""
    return OmegaConf.to_container(cfg, resolve=True)  # type: ignore[return-value]


def to_yaml(cfg: DictConfig) -> str:
    """The configuration as YAML, interpolations resolved."""
    return OmegaConf.to_yaml(cfg, resolve=True)


def load(path: Path, overrides: Sequence[str] = ()) -> DictConfig:
    """A saved configuration with the schema's types and these settings on top; no group can be chosen again.

    Raises:
        ConfigError: the file is missing, is not YAML, or has keys that the schema does not have.
    """
    try:
        text = path.read_text(encoding="utf-8")
        bounded_yaml.check(text)
        schema = OmegaConf.structured(Config)
        cfg = OmegaConf.merge(schema, _without_old_keys(OmegaConf.create(text), schema, path))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except Exception as error:  # YAML and OmegaConf share no base class
        raise ConfigError(f"{path} is not a configuration of ganlab: {str(error).splitlines()[0]}") from error
    assert isinstance(cfg, DictConfig)
    OmegaConf.set_struct(cfg, True)
    apply(cfg, [split_word(word) for word in overrides], list(groups.choices()))
    return cfg


def _without_old_keys(saved: Any, schema: DictConfig, path: Path) -> Any:
    """Without the keys of another version of ganlab in sections that do not decide what a run computes."""
    for section in _MAY_CHANGE & set(saved):
        known = set(schema[section])
        if gone := sorted(set(saved[section]) - known):
            _warn_once(path, ", ".join(f"{section}.{key}" for key in gone))
            saved[section] = OmegaConf.masked_copy(saved[section], sorted(known & set(saved[section])))
    return saved


@cache
def _warn_once(path: Path, keys: str) -> None:
    _log.warning("%s: ignoring %s, which this version of ganlab does not know", path, keys)


def difference(old: DictConfig, new: DictConfig) -> list[str]:
    """Dotted keys, sorted, in which a continued run may not differ from its beginning but does."""
    before, after = (
        flat(OmegaConf.to_container(old, resolve=True)),
        flat(OmegaConf.to_container(new, resolve=True)),
    )
    absent = object()
    return sorted(
        key
        for key in before.keys() | after.keys()
        if before.get(key, absent) != after.get(key, absent)
        and (key == "trainer.precision" or key.split(".")[0] not in _MAY_CHANGE)
    )


def flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested mappings as ``{dotted key: value}``; lists and empty mappings are values."""
    if not isinstance(value, dict) or (not value and not prefix):
        return {prefix.rstrip("."): value}
    found: dict[str, Any] = {}
    for name, item in value.items():
        found |= flat(item, f"{prefix}{name}.")
    return found
