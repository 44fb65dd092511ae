"""Weights & Biases beside metrics.jsonl: online where there is a key, offline otherwise, never in the way."""

import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning as L
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


def wandb_mode(cfg: DictConfig) -> str:
    """What ``wandb.mode`` comes to here: online, offline, disabled, or what $WANDB_MODE says."""
    mode: str = cfg.wandb.mode
    if mode == "auto":
        mode = os.environ.get("WANDB_MODE") or ("online" if _has_key() else "offline")
    return mode


def tell_loggers(trainer: L.Trainer, method: str, *arguments: Any, **options: Any) -> None:
    """Call a method of every logger; one that fails is heard of once and told nothing more."""
    for logger in list(trainer.loggers):
        try:
            getattr(logger, method)(*arguments, **options)
        except Exception as error:  # whatever is wrong with W&B, the training goes on
            _log.warning("W&B is off from here on: %s", error)
            trainer.loggers = [other for other in trainer.loggers if other is not logger]


def _start(cfg: DictConfig, folder: RunFolder) -> WandbLogger | None:
    mode = wandb_mode(cfg)
    os.environ.setdefault("WANDB_SILENT", "true")  # our own last words say where things are
    for attempt in {"online": ("online", "offline"), "disabled": ()}.get(mode, (mode,)):
        try:
            logger = _logger(cfg, folder, attempt)
            _define_clock(logger)
        except Exception as error:
            _log.warning("W&B cannot start %s: %s", attempt, error)
        else:
            return logger
    return None


def _logger(cfg: DictConfig, folder: RunFolder, mode: str) -> WandbLogger:
    import wandb

    options: dict[str, Any] = {"mode": mode, "tags": list(cfg.run.tags), "notes": cfg.run.notes}
    options |= {"entity": cfg.wandb.entity, "group": cfg.wandb.group, "job_type": cfg.wandb.job_type}
    if "WANDB_SWEEP_ID" not in os.environ:  # a sweep's agent chooses the id
        options |= {"id": _run_id(folder.path / "wandb_id"), "resume": "allow"}
    logger = WandbLogger(
        name=cfg.run.name,
        project=cfg.wandb.project,
        save_dir=folder.path,
        config=config.to_dict(cfg),
        settings=wandb.Settings(init_timeout=30),
        **options,
    )
    logger._wandb_init.pop("anonymous", None)  # Lightning passes it always, and wandb warns of it always
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
