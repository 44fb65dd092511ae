"""What chance made of a setting: one seed of it is one draw, however often, where and for how long it was trained."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ganlab.report.log import Log

# What two runs may differ in and still be two seeds of one setting; an evaluation that differs shows in the protocol.
_NO_SETTING = (
    "seed", "run", "wandb", "log", "checkpoint", "samples", "evaluation", "diagnostics", "health", "data.root",
    "data.cache", "data.workers", "trainer.accelerator",
)  # fmt: skip


def beside_setting(key: str) -> bool:
    """Whether a key of the configuration says nothing of what is compared."""
    return any(key == name or key.startswith(f"{name}.") for name in _NO_SETTING)


def draw(config: Mapping[str, Any], data: str | None, log: Log) -> str | None:
    """One text for all runs of one seed, configuration and data: their values are one observation, not several.

    The budget has no part in it: a run that was continued, or begun anew for longer, shares its beginning. Where the
    configuration is gone, equal logs tell copies; None where there is nothing at all to tell by.

    Args:
        data: the fingerprint of their content; None: what the configuration says of them is all that is known.
    """
    if config.get("seed") is not None:
        setting = {
            key: value for key, value in config.items() if key != "budget.images" and not beside_setting(key)
        }
        text = json.dumps([config["seed"], data, setting], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
    if not len(log):
        return None
    content = hashlib.sha256(log.images.tobytes())
    for name, column in sorted(log.columns.items()):
        content.update(name.encode() + column.lines.tobytes() + column.values.tobytes())
    return content.hexdigest()
