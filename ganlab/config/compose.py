"""Composition: the packaged YAML, the user's folders of YAML, and what the user says on the command line."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from ganlab.config import groups
from ganlab.config.schema import leaves
from ganlab.config.settings import apply
from ganlab.config.values import parse, split_word
from ganlab.errors import ConfigError


def compose(overrides: Sequence[str] = (), config_dir: Sequence[Path | str] | None = None) -> DictConfig:
    """The configuration that the groups' YAML and these ``key=value`` words make, interpolations unresolved.

    A word whose key is a group chooses YAML (``objective=wgan_gp``, ``penalty=[r1,r2]``); every other word
    sets one key after composition, so that it wins over every recipe.  The last of equal keys counts.

    Args:
        overrides: words as on the command line.
        config_dir: folders with YAML of the user's own, in the same groups.

    Raises:
        ConfigError: a key, a choice or a type that the schema does not have.  Arguments of constructors are
            checked by `ganlab.config.validate`, which imports the classes.
    """
    dirs = list(config_dir or ())
    available = groups.choices(dirs)
    chosen: dict[str, str] = {}
    settings: list[tuple[str, Any]] = []
    for word in overrides:
        key, text = split_word(word)
        if key in available and not isinstance(value := parse(text), dict):
            chosen[key] = _choice(key, value, list(available[key]))
        else:
            settings.append((key, text))
    cfg = _hydra([f"{group}={choice}" for group, choice in chosen.items() if choice], dirs)
    apply(cfg, settings, list(available))
    return cfg


def _choice(group: str, value: Any, names: Sequence[str]) -> str:
    """What Hydra is told; an empty text where the group's default (no choice) already says it."""
    several = group == "penalty"
    if value in (None, [], ""):
        if several:
            return "[]"
        if "none" in names:  # evaluation=None
            return "none"
        if group in ("experiment", "extractor"):
            return ""
    listed = value if isinstance(value, list) else [value]
    if len(listed) != 1 and not several:
        raise ConfigError(f"{group} takes one choice, got {value}; choices: {', '.join(names)}")
    for name in listed:
        if name not in names:
            hint = groups.nearest(str(name), names)
            raise ConfigError(f"{group} has no choice '{name}'{hint} (choices: {', '.join(names)})")
    quoted = ",".join(_quote(name) for name in listed)
    return f"[{quoted}]" if several else quoted


def _quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


@contextmanager
def _without_hydra() -> Iterator[None]:
    """Let a caller inside a Hydra application of its own compose, and find that again afterwards."""
    outer, GlobalHydra.instance().hydra = GlobalHydra.instance().hydra, None
    try:
        yield
    finally:
        GlobalHydra.instance().hydra = outer  # Hydra has put a copy in the place of the first instance


def _hydra(choices: list[str], dirs: Sequence[Path | str]) -> DictConfig:
    main, *others = groups.folders(dirs)
    if others:
        paths = ",".join(_quote(f"file://{path}") for path in others)
        choices = [f"hydra.searchpath=[{paths}]", *choices]
    try:
        with _without_hydra(), initialize_config_dir(str(main), version_base="1.3"):
            return hydra_compose("train", choices)
    except (HydraException, OmegaConfBaseException, YAMLError, ValueError) as error:
        raise ConfigError(_sentence(error, groups.choices(dirs))) from error


def _sentence(error: Exception, available: Mapping[str, Mapping[str, Path]]) -> str:
    """What Hydra or the YAML reader reports on several lines, in one: the file, the key, the reason."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    file = re.match(r"In '([^']+)': ", lines[0])
    where = f"{file[1]}.yaml: " if file else ""
    key = next((line.removeprefix("full_key: ") for line in lines if line.startswith("full_key: ")), "")
    if missing := re.search(r"Could not find '([^']+)/([^'/]+)'", lines[0]):
        names = list(available.get(missing[1], ()))
        hint = groups.nearest(missing[2], names)
        return f"{where}{missing[1]} has no choice '{missing[2]}'{hint} (choices: {', '.join(names)})"
    if re.search(r"Key '[^']*' not in", str(error)):
        if key in available:  # its keys went below its group's name
            return f"{where}there is no section '{key}'; the file must begin with '# @package _global_'"
        known = leaves()
        sections = {name.rpartition(".")[0] for name in known} - {""}
        return f"{where}there is no key '{key}'{groups.nearest(key, [*known, *sections])}"
    if len(lines) > 1 and "raised while composing" in lines[0]:
        return where + (f"{key}: " if key else "") + lines[1]
    return (
        " ".join(lines)
        if isinstance(error, YAMLError)
        else where + lines[0].removeprefix(file[0] if file else "")
    )
