"""Another evaluation for a run that has its configuration already."""

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from ganlab.config.build import validate
from ganlab.config.compose import compose
from ganlab.config.settings import apply, put
from ganlab.config.values import parse, split_word
from ganlab.errors import ConfigError

_WHERE = ("data.root", "data.cache", "data.workers")  # where the data lie is not what they are


def with_evaluation(
    cfg: DictConfig, overrides: Sequence[str], config_dir: Sequence[Path | str] | None = None
) -> DictConfig:
    """A copy of a run's configuration that measures as these words say, checked.

    Args:
        cfg: the configuration that a run was trained with.
        overrides: ``evaluation=CHOICE``, ``evaluation.KEY=VALUE``, and where the data lie now, ``data.root=PATH``.
        config_dir: folders with YAML of the user's own.

    Raises:
        ConfigError: a word is about something else, or an unknown choice, key or type.
    """
    cfg, settings = cfg.copy(), []
    for word in overrides:
        key, text = split_word(word)
        if key not in ("evaluation", "extractor", *_WHERE) and not key.startswith("evaluation."):
            raise ConfigError(
                f"{key} is part of what the run is; an evaluation takes evaluation=CHOICE, extractor=CHOICE,"
                f" evaluation.KEY=VALUE and {', '.join(_WHERE)}"
            )
        if key == "evaluation" and not isinstance(parse(text), dict):
            put(cfg, key, compose([word], config_dir).evaluation)
        elif key == "extractor":
            chosen = compose(["evaluation=inception", word], config_dir).evaluation
            settings.append(("evaluation.extractor", chosen.extractor))
        else:
            settings.append((key, text))
    apply(cfg, settings)
    validate(cfg)
    return cfg
