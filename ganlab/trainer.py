"""Lightning's Trainer as ganlab uses it, on the hardware that the configuration asks for."""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import lightning as L
import torch
import torch.distributed as dist
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from omegaconf import DictConfig

from ganlab import config, launch
from ganlab.checkpoints import AtomicCheckpointIO
from ganlab.distributed import PlayersStrategy
from ganlab.errors import ConfigError
from ganlab.precision import PlayerMixedPrecision
from ganlab.ranks import Ranks


def make_trainer(cfg: DictConfig) -> L.Trainer:
    """A Trainer on the hardware that the configuration asks for; raises ConfigError if it is not there."""
    chosen = f"trainer.accelerator={cfg.trainer.accelerator}, trainer.devices={cfg.trainer.devices}"
    if cfg.trainer.accelerator in ("gpu", "cuda") and not torch.cuda.is_available():
        raise ConfigError(f"{chosen}: PyTorch sees no GPU here; trainer=auto takes what there is")
    try:
        trainer = L.Trainer(**lightning_options(cfg), logger=False)
        if trainer.world_size > 1:
            trainer = L.Trainer(**lightning_options(cfg), logger=False, strategy=PlayersStrategy())
            # Lightning would ask all ranks for SIGTERM before every step, and wait; `Ranks.highest` does better
            trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor = lambda: None  # type: ignore[method-assign]
    except ConfigError:
        raise
    except Exception as error:  # Lightning's own, RuntimeError, TypeError, ... according to what is missing
        raise ConfigError(f"{chosen}: {str(error).splitlines()[0]}") from error
    return trainer


def connect(trainer: L.Trainer) -> Ranks:
    """The processes that a Trainer trains in, started and connected; raises GanlabError if they cannot meet."""
    return trainer.strategy.start() if isinstance(trainer.strategy, PlayersStrategy) else Ranks()


@contextmanager
def together(device: str | None) -> Iterator[None]:
    """The processes that torchrun or SLURM has started, connected while the block runs; nothing where it is one.

    Args:
        device: ``cpu`` where they are to meet for work on it; None: GPUs if there are any.
    """
    if launch.allocation() in (None, (1, 1)):
        yield
        return
    connect(make_trainer(config.compose([f"trainer.accelerator={'cpu' if device == 'cpu' else 'auto'}"])))
    try:
        yield
    finally:
        dist.destroy_process_group()


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
    devices, nodes = _devices_and_nodes(cfg)
    plugins.append(_ENVIRONMENTS[launch.launcher()]())
    return {
        "accelerator": accelerator,
        "devices": devices,
        "num_nodes": nodes,
        "plugins": plugins,
        "max_epochs": 1,
        "enable_progress_bar": False,
        "enable_checkpointing": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
        "use_distributed_sampler": False,
        **precision,
    }


_ENVIRONMENTS: dict[str, Callable[[], Any]] = {
    "local": LightningEnvironment,
    "torchrun": TorchElasticEnvironment,
    "slurm": lambda: SLURMEnvironment(auto_requeue=False),  # it would save in the middle of an iteration
}


def _devices_and_nodes(cfg: DictConfig) -> tuple[Any, int]:
    """What the configuration asks for; one device, the default, is as many as torchrun or SLURM have started."""
    started = launch.allocation()
    devices, nodes = cfg.trainer.devices, cfg.trainer.num_nodes
    if started is None:
        return devices, nodes
    if (devices, nodes) == (1, 1) or not isinstance(devices, int):
        return started
    if (devices, nodes) != started:
        flags = {
            "slurm": "sbatch --ntasks-per-node={} --nodes={}",
            "torchrun": "--nproc-per-node={} --nnodes={}",
        }
        raise ConfigError(
            f"trainer.devices={devices} on trainer.num_nodes={nodes}, but {launch.launcher()} has started"
            f" {started[0]} processes on each of {started[1]} nodes; leave both keys out, or start with "
            + flags[launch.launcher()].format(devices, nodes)
        )
    return devices, nodes


def _quieten_lightning() -> None:
    for name in ("lightning.pytorch", "lightning.fabric", "lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"lightning\.")
