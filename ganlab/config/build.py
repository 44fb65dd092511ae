"""Checking a configuration against the classes it names, and building objects from its mappings."""

import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_type_hints

import hydra.utils
from hydra.errors import InstantiationException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ganlab.config.groups import nearest
from ganlab.config.schema import EXTRA, FOREIGN, PROVIDED, Range, leaves
from ganlab.config.settings import put
from ganlab.config.values import MismatchError, conform
from ganlab.errors import ConfigError

_HYDRA_WORDS = {"_target_", "_args_", "_partial_", "_recursive_", "_convert_"}
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def validate(cfg: DictConfig) -> None:
    """Check types, ranges and constructor arguments; whole floats become ints in place where ints are meant.

    Imports the classes that the configuration names, builds none of them.

    Raises:
        ConfigError: one sentence with the key, its value and what is allowed.
    """
    for key, leaf in leaves().items():
        value = _select(cfg, key)
        fitting = _fit(key, value, leaf.annotation)
        _check_range(key, fitting, leaf.range)
        if type(fitting) is not type(value):
            put(cfg, key, fitting)
    _check_devices(cfg.trainer.devices)
    if cfg.run.name is not None and (cfg.run.name in ("", ".", "..") or set(cfg.run.name) & set("/\\\0\n")):
        raise ConfigError(f"run.name must be the name of a folder, got '{cfg.run.name}'")
    for key, mapping in mappings(cfg):
        for name, fitting in _check_call(key, mapping).items():
            if repr(fitting) != repr(mapping[name]):
                put(cfg, f"{key}.{name}", fitting)


def mappings(cfg: DictConfig) -> Iterator[tuple[str, dict[str, Any]]]:
    """``(key, resolved mapping)`` of everything that names a class."""
    keys = ["data", "network.generator", "network.discriminator", "objective"]
    keys += [f"{section}.{name}" for section in ("penalty", "constraint") for name in cfg[section]]
    for key in [*keys, "optimizer.generator", "optimizer.discriminator", "evaluation"]:
        node = _select(cfg, key)
        if not isinstance(node, DictConfig) or "_target_" not in node:
            raise ConfigError(f"{key} must be a mapping with a _target_, the class to build")
        yield key, _container(node, key)


def instantiate(node: DictConfig, key: str, **provided: Any) -> Any:
    """Build what the mapping at this key describes.

    Args:
        node: the mapping, still inside its configuration so that interpolations resolve.
        key: its dotted name, for messages and for the keys that the constructor does not take (`EXTRA`).
        provided: arguments that no YAML can hold (shapes, parameters); passed as they are.

    Raises:
        ConfigError: the constructor raised ValueError or TypeError.
    """
    mapping = _container(node, key)
    locate(mapping.get("_target_"), key)  # says what is wrong with it better than Hydra does
    arguments = {name: value for name, value in mapping.items() if name not in EXTRA.get(key, {})}
    try:
        make = hydra.utils.instantiate(arguments, _partial_=True, _convert_="all")
    except InstantiationException as error:
        if isinstance(error.__cause__, ConfigError):
            raise error.__cause__ from error
        inner = str(error).rpartition("full_key: ")[2] if "full_key: " in str(error) else ""
        where = f"{key}.{inner}" if inner else key
        raise ConfigError(f"{where}: {str(error.__cause__ or error).splitlines()[0]}") from error
    try:
        return make(**provided)
    except (TypeError, ValueError) as error:
        text = str(error)
        named = text.split(" ")[0] in arguments  # "bound must be positive": say which bound
        raise ConfigError(f"{key}.{text}" if named else f"{key}: {text}") from error


def locate(target: Any, key: str) -> Callable[..., Any]:
    """Import a class or function by its dotted name."""
    if not isinstance(target, str) or "." not in target:
        raise ConfigError(f"{key}._target_ must be the dotted name of a class, got '{target}'")
    parts = target.split(".")
    for split in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:split])
        try:
            found: Any = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name and f"{name}.".startswith(f"{error.name}."):
                continue
            raise ConfigError(f"{key}._target_: {target} cannot be imported ({error})") from error
        except Exception as error:  # the module is the user's: anything can happen
            raise ConfigError(
                f"{key}._target_: {target} cannot be imported ({type(error).__name__}: {error})"
            ) from error
        for part in parts[split:]:
            if not hasattr(found, part):
                public = [other for other, it in vars(found).items() if other[0] != "_" and callable(it)]
                raise ConfigError(f"{key}._target_: {name} has no '{part}'{nearest(part, public)}")
            found = getattr(found, part)
        if not callable(found):
            raise ConfigError(f"{key}._target_: {target} is not a class or a function")
        return found
    raise ConfigError(f"{key}._target_: there is no module {parts[0]} to import {target} from")


def _check_call(key: str, mapping: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as the constructor wants them."""
    target = locate(mapping["_target_"], key)
    try:
        parameters = inspect.signature(target).parameters
    except ValueError:  # written in C, without a signature
        return {}
    accepted = {name: p for name, p in parameters.items() if p.kind not in _VARIADIC}
    swallows = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    provided = PROVIDED.get(key, set())
    fitting: dict[str, Any] = {}
    hints = _hints(target)
    for name, value in mapping.items():
        if name in _HYDRA_WORDS or name in EXTRA.get(key, {}):
            continue
        if name in provided:
            raise ConfigError(f"{key}.{name} is worked out by ganlab and cannot be set")
        if name not in accepted and not swallows:
            names = sorted(accepted.keys() - provided)
            hint = nearest(name, names) or f"; it takes {', '.join(names) or 'nothing'}"
            raise ConfigError(f"{key}.{name}: {mapping['_target_']} takes no '{name}'{hint}")
        default = accepted[name].default if name in accepted else inspect.Parameter.empty
        is_default = type(value) is type(default) and value == default  # n: int = None
        fitting[name] = value if is_default else _fit(f"{key}.{name}", value, hints.get(name, Any))
        _check_range(f"{key}.{name}", value, FOREIGN.get(key, {}).get(name))
        _check_nested(f"{key}.{name}", value)
    for name, parameter in accepted.items() if not mapping.get("_args_") else ():
        if parameter.default is inspect.Parameter.empty and name not in {*mapping, *provided}:
            raise ConfigError(f"{key}.{name} is missing: {mapping['_target_']} needs it")
    return fitting


def _check_nested(key: str, value: Any) -> None:
    if isinstance(value, Mapping):
        if "_target_" in value:
            _check_call(key, value)
        else:
            for name, item in value.items():
                _check_nested(f"{key}.{name}", item)
    elif isinstance(value, list):
        for position, item in enumerate(value):
            _check_nested(f"{key}[{position}]", item)


def _hints(target: Callable[..., Any]) -> dict[str, Any]:
    function = target.__init__ if isinstance(target, type) else target  # type: ignore[misc]
    try:
        return get_type_hints(function)
    except (
        NameError,
        AttributeError,
        TypeError,
    ):  # a name that only a type checker imports: its arguments go unchecked
        return {}


def _fit(key: str, value: Any, annotation: Any) -> Any:
    try:
        return conform(OmegaConf.to_container(value) if OmegaConf.is_config(value) else value, annotation)
    except MismatchError as mismatch:
        hint = f"; write '\"{value}\"' for text" if str(mismatch) == "text" and value is not None else ""
        raise ConfigError(f"{key} must be {mismatch}, got {value!r}{hint}") from None


def _check_range(key: str, value: Any, allowed: Range | None) -> None:
    if allowed is None or value is None:
        return
    for element in value if isinstance(value, list) else [value]:
        if (isinstance(element, str) and not allowed.words) or element not in allowed:
            hint = nearest(element, allowed.words) if allowed.words else ""
            each = "each of " if isinstance(value, list) else ""
            raise ConfigError(f"{each}{key} must be {allowed}, got {element!r}{hint}")


def _check_devices(devices: Any) -> None:
    count = isinstance(devices, int) and not isinstance(devices, bool) and devices >= 1
    indices = OmegaConf.is_list(devices) and devices and all(type(i) is int and i >= 0 for i in devices)
    if not (count or indices or devices == "auto"):
        raise ConfigError(f"trainer.devices must be at least 1, a list of indices, or auto, got {devices!r}")


def _select(cfg: DictConfig, key: str) -> Any:
    try:
        value = OmegaConf.select(cfg, key, throw_on_missing=True, default=_ABSENT)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{key}: {str(error).splitlines()[0]}") from error
    if value is _ABSENT:
        raise ConfigError(f"{key} is missing")
    return value


_ABSENT = object()


def _container(node: DictConfig, key: str) -> dict[str, Any]:
    try:
        return OmegaConf.to_container(node, resolve=True, throw_on_missing=True)  # type: ignore[return-value]
    except OmegaConfBaseException as error:
        raise ConfigError(f"{key}: {str(error).splitlines()[0]}") from error
