"""Weights & Biases beside metrics.jsonl: online where there is a key, offline otherwise, never in the way."""

import os
import secrets
import warnings
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig

from ganlab import config
from ganlab.runs import RunFolder, write_atomically


def wandb_logger(cfg: DictConfig, folder: RunFolder) -> WandbLogger | None:
    """The W&B logger of a run, or None if it is switched off or cannot start; it never asks for anything.

    The run's id is kept in ``wandb_id`` in the run folder, so that a resumed run goes on in the same W&B run.
    """
    mode = cfg.wandb.mode
    if mode == "auto":
        mode = os.environ.get("WANDB_MODE") or ("online" if _has_key() else "offline")
    if mode == "disabled":
        return None
    options: dict[str, Any] = {"entity": cfg.wandb.entity, "group": cfg.wandb.group, "job_type": cfg.wandb.job_type}
    if "WANDB_SWEEP_ID" not in os.environ:
        options |= {"id": _run_id(folder.path / "wandb_id"), "resume": "allow"}
    import wandb

    os.environ["WANDB_MODE"] = mode
    logger = WandbLogger(
        name=cfg.run.name, project=cfg.wandb.project, save_dir=folder.path, notes=cfg.run.notes,
        tags=list(cfg.run.tags), config=config.to_dict(cfg), settings=wandb.Settings(silent=True), **options,
    )  # fmt: skip
    try:
        _start(logger)
    except Exception as error:  # whatever is wrong with W&B, the training goes on
        warnings.warn(f"W&B is off for this run: {error}", stacklevel=2)
        return None
    return logger


@rank_zero_only
def _start(logger: WandbLogger) -> None:
    logger.experiment.define_metric("*", step_metric="images")


def _run_id(path: Path) -> str:
    if not path.is_file():
        write_atomically(path, secrets.token_hex(4))
    return path.read_text()


def _has_key() -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    import netrc

    import wandb

    host = wandb.Settings().base_url.partition("://")[2]
    try:
        return netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False
