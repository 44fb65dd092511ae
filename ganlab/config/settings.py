"""Setting keys of a composed configuration, one by one, as a person wrote them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from ganlab.config import groups
from ganlab.config.schema import EXTRA, leaves
from ganlab.config.values import MismatchError, conform, parse, read
from ganlab.errors import ConfigError


def apply(cfg: DictConfig, settings: Sequence[tuple[str, Any]], group_names: Sequence[str] = ()) -> None:
    """Set keys in place, in order; text is read as a value of the key's type."""
    for key, value in settings:
        if key in group_names and not isinstance(parse(value) if isinstance(value, str) else value, Mapping):
            raise ConfigError(f"{key} cannot be chosen again: it is part of what the run is")
        _assign(cfg, key, value)


def _assign(cfg: DictConfig, key: str, value: Any) -> None:
    known = leaves()
    if key in known:
        leaf = known[key]
        try:
            fitting = (
                read(value, leaf.annotation) if isinstance(value, str) else conform(value, leaf.annotation)
            )
        except MismatchError as mismatch:
            raise ConfigError(f"{key} must be {mismatch}, got '{value}'") from None
        put(cfg, key, fitting)
        return
    value = parse(value) if isinstance(value, str) else value
    old = _section(cfg, key, value)
    if isinstance(old, DictConfig) and isinstance(value, Mapping) and "_target_" not in value:
        for name, item in value.items():
            _assign(cfg, f"{key}.{name}", item)
    elif isinstance(old, DictConfig) and not isinstance(value, Mapping):
        raise ConfigError(f"{key} is a section, got '{value}'; its keys are {', '.join(map(str, old))}")
    else:
        if isinstance(value, Mapping) and key in EXTRA:  # a new _target_ in place of another keeps these
            value = {name: old[name] for name in EXTRA[key] if name in old} | dict(value)
        put(cfg, key, value)


def put(cfg: DictConfig, key: str, value: Any) -> None:
    try:
        with open_dict(cfg):
            OmegaConf.update(cfg, key, value, merge=False, force_add=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{key}: {str(error).splitlines()[0]}") from error


def _section(cfg: DictConfig, key: str, value: Any) -> Any:
    """What stands at this key; None where a class's mapping or the penalties may get it, else refuse it."""
    node: Any = cfg
    names = key.split(".")
    open_mapping = False
    for depth, name in enumerate(names):
        path = ".".join(names[:depth])
        if not isinstance(node, DictConfig):
            if node is None and open_mapping:
                return None
            raise ConfigError(f"{key}: {path} is a value, not a section")
        open_mapping = open_mapping or "_target_" in node
        if name not in node:
            if open_mapping or (
                path in ("penalty", "constraint") and _names_class(names[depth + 1 :], value)
            ):
                return None
            raise ConfigError(_unknown(cfg, key, path, list(map(str, node))))
        node = None if OmegaConf.is_interpolation(node, name) else node[name]
    return node


def _names_class(rest: Sequence[str], value: Any) -> bool:
    return list(rest) == ["_target_"] or (not rest and isinstance(value, Mapping) and "_target_" in value)


def _unknown(cfg: DictConfig, key: str, path: str, siblings: list[str]) -> str:
    wrong = key[len(path) :].lstrip(".").split(".")[0]
    if path in ("penalty", "constraint"):
        have = ", ".join(siblings) or "none"
        return f"{key}: this run has no {path} '{wrong}' (it has: {have}){groups.nearest(wrong, siblings)}"
    everything = [*_keys(cfg), *groups.choices()]
    hint = groups.nearest(key, everything) or groups.nearest(wrong, siblings)
    same = [other for other in everything if other.rpartition(".")[2] == key.rpartition(".")[2]]
    if same:
        hint = f"; did you mean {' or '.join(same[:3])}?"
    return f"there is no key '{key}'{hint}"


def _keys(node: DictConfig, prefix: str = "") -> Iterator[str]:
    for name in map(str, node):
        child = None if OmegaConf.is_interpolation(node, name) else node[name]
        if isinstance(child, DictConfig):
            yield from _keys(child, f"{prefix}{name}.")
        elif name != "_target_":
            yield f"{prefix}{name}"
