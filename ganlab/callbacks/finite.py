"""Noticing a run that has blown up, before it is measured or saved."""

import math
from collections.abc import Mapping
from typing import Any

import torch

from ganlab.errors import TrainingError
from ganlab.runs import RunFolder

_PLAYERS = {"loss/d": "the discriminator's loss", "loss/g": "the generator's loss"}


def check_means(means: Mapping[str, float], gan: Any, folder: RunFolder) -> None:
    """Raise TrainingError if a mean is NaN or infinite, naming the player and the way back.

    A loss is named before a weight, and a weight before what is only watched.
    """
    bad = sorted((name for name, value in means.items() if not math.isfinite(value)), key=_is_watched)
    if bad:
        if _is_watched(bad[0]):
            _check_weights(gan, folder)
        what = f"{_PLAYERS.get(bad[0], bad[0])} became {means[bad[0]]} by"
        raise TrainingError(_sentence(what, gan, folder))


def check_gan(gan: Any, folder: RunFolder) -> None:
    """Raise TrainingError if a loss since the last line of the log, or a weight, is NaN or infinite."""
    check_means(gan.means.peek(gan.ranks), gan, folder)
    _check_weights(gan, folder)


def _is_watched(name: str) -> bool:
    return not name.startswith(("loss/", "penalty/"))


def _check_weights(gan: Any, folder: RunFolder) -> None:
    for player, network in (("generator", gan.generator), ("discriminator", gan.discriminator)):
        if not torch.stack([p.isfinite().all() for p in network.parameters()]).all():
            raise TrainingError(_sentence(f"a weight of the {player} is not finite at", gan, folder))


def _sentence(what: str, gan: Any, folder: RunFolder) -> str:
    saved = folder.list_checkpoints()
    good = f"the last good checkpoint is {saved[-1]}" if saved else "no checkpoint was saved before"
    return f"{what} iteration {gan.clock.iteration}; {good}"
