"""Lightning's Trainer as ganlab uses it, on the hardware that the configuration asks for."""

import logging
import os
import warnings
from typing import Any

import lightning as L
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from omegaconf import DictConfig

from ganlab.checkpoints import AtomicCheckpointIO
from ganlab.errors import ConfigError
from ganlab.precision import PlayerMixedPrecision


def make_trainer(cfg: DictConfig) -> L.Trainer:
    """A Trainer on the hardware that the configuration asks for; raises ConfigError if it is not there."""
    chosen = f"trainer.accelerator={cfg.trainer.accelerator}, trainer.devices={cfg.trainer.devices}"
    try:
        trainer = L.Trainer(**lightning_options(cfg), logger=False)
    except Exception as error:  # Lightning's own, RuntimeError, TypeError, ... according to what is missing
        raise ConfigError(f"{chosen}: {str(error).splitlines()[0]}") from error
    if trainer.world_size > 1:
        raise ConfigError(f"{chosen}: training in several processes is not there yet; set trainer.devices=1")
    return trainer


def lightning_options(cfg: DictConfig) -> dict[str, Any]:
    """What every Trainer of ganlab is: it runs one endless epoch and leaves the rest to our callbacks."""
    _quieten_lightning()
    trainer = cfg.trainer
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False  # for exact resume
    accelerator = trainer.accelerator
    if accelerator == "auto":  # never Apple's GPU: it has no float64
        accelerator = "cuda" if torch.cuda.is_available() else "cpu"
    plugins: list[Any] = [AtomicCheckpointIO()]
    precision: dict[str, Any] = {"precision": trainer.precision}
    if trainer.precision.endswith("-mixed"):
        device = "cpu" if accelerator == "cpu" else "cuda"
        plugins.append(PlayerMixedPrecision(trainer.precision, device))
        precision = {}
    if SLURMEnvironment.detect():
        plugins.append(SLURMEnvironment(auto_requeue=False))
    elif "TORCHELASTIC_RUN_ID" not in os.environ:
        plugins.append(LightningEnvironment())
    return {
        "accelerator": accelerator,
        "devices": trainer.devices,
        "num_nodes": trainer.num_nodes,
        "plugins": plugins,
        "max_epochs": 1,
        "enable_progress_bar": False,
        "enable_checkpointing": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
        "use_distributed_sampler": False,
        **precision,
    }


def _quieten_lightning() -> None:
    for name in ("lightning.pytorch", "lightning.fabric", "lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"lightning\.")
