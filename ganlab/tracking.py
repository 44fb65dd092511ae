"""Weights & Biases beside metrics.jsonl: online where there is a key, offline otherwise, never in the way."""

import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig

from ganlab import config
from ganlab.runs import RunFolder, write_atomically

_log = logging.getLogger(__name__)


@contextmanager
def wandb_logger(cfg: DictConfig, folder: RunFolder) -> Iterator[WandbLogger | None]:
    """The W&B logger of a run while it trains; None if it is switched off or cannot start.

    It never asks for anything.  The run's id is kept in ``wandb_id`` in the run folder, so that a resumed run
    goes on in the same W&B run.
    """
    logger = _start(cfg, folder)
    succeeded = False
    try:
        yield logger
        succeeded = True
    finally:
        if logger is not None:
            _finish(logger, 0 if succeeded else 1)


def _start(cfg: DictConfig, folder: RunFolder) -> WandbLogger | None:
    mode = cfg.wandb.mode
    if mode == "auto":
        mode = os.environ.get("WANDB_MODE") or ("online" if _has_key() else "offline")
    if mode == "disabled":
        return None
    os.environ.setdefault("WANDB_SILENT", "true")  # our own last words say where things are
    options: dict[str, Any] = {"mode": mode, "tags": list(cfg.run.tags), "notes": cfg.run.notes}
    options |= {"entity": cfg.wandb.entity, "group": cfg.wandb.group, "job_type": cfg.wandb.job_type}
    if "WANDB_SWEEP_ID" not in os.environ:  # a sweep's agent chooses the id
        options |= {"id": _run_id(folder.path / "wandb_id"), "resume": "allow"}
    try:
        logger = WandbLogger(
            name=cfg.run.name,
            project=cfg.wandb.project,
            save_dir=folder.path,
            config=config.to_dict(cfg),
            **options,
        )
        logger._wandb_init.pop("anonymous", None)  # Lightning passes it always, and wandb warns of it always
        _define_clock(logger)
    except Exception as error:  # whatever is wrong with W&B, the training goes on
        _log.warning("W&B is off for this run: %s", error)
        return None
    return logger


@rank_zero_only
def _define_clock(logger: WandbLogger) -> None:
    logger.experiment.define_metric("*", step_metric="images")


@rank_zero_only
def _finish(logger: WandbLogger, exit_code: int) -> None:
    try:
        logger.experiment.finish(exit_code=exit_code)
    except Exception as error:
        _log.warning("W&B could not finish this run: %s", error)


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
