"""From a configuration to a trained run."""

import itertools
import logging
import os
import warnings
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from omegaconf import DictConfig

from ganlab import config
from ganlab.callbacks import Checkpoints, Evaluate, MetricsLog, Progress, SampleGrids
from ganlab.checkpoints import AtomicCheckpointIO, verifies
from ganlab.compatibility import check_compatibility
from ganlab.data import DataSource
from ganlab.data.module import TrainingData
from ganlab.ema import EMA
from ganlab.errors import CheckpointError, ConfigError, GanlabError
from ganlab.evaluation import Evaluation
from ganlab.figures import draw_curves
from ganlab.game import Game
from ganlab.gan import GAN
from ganlab.images import save_animation
from ganlab.interruption import Interruption
from ganlab.latent import Latent
from ganlab.networks.build import build_discriminator, build_generator
from ganlab.networks.layers import count_parameters
from ganlab.places import cache_folder
from ganlab.precision import PlayerMixedPrecision
from ganlab.run import Run
from ganlab.runs import RunFolder
from ganlab.schedule import Schedule
from ganlab.tracking import wandb_logger

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parts:
    """Everything a configuration describes, built and found to fit together."""

    source: DataSource
    gan: GAN
    data: TrainingData
    evaluation: Evaluation


def build(cfg: DictConfig) -> Parts:
    """Build the objects of a configuration; raises ConfigError where they cannot be built or do not fit."""
    config.validate(cfg)
    torch.manual_seed(cfg.seed)  # the initial weights
    source = config.instantiate(cfg.data, "data")
    game = _game(cfg)
    gan = GAN(
        generator=build_generator(cfg, source.shape),
        discriminator=build_discriminator(cfg, source.shape),
        objective=config.instantiate(cfg.objective, "objective"),
        penalties={name: config.instantiate(node, f"penalty.{name}") for name, node in cfg.penalty.items()},
        constraints=[config.instantiate(node, f"constraint.{name}") for name, node in cfg.constraint.items()],
        optimizers=tuple(_optimizer_factory(cfg, player) for player in ("generator", "discriminator")),
        latent=Latent(cfg.network.latent_dim, cfg.network.latent),
        game=game,
        schedule=Schedule(cfg.optimizer.schedule, cfg.budget.images, cfg.optimizer.final_lr),
        ema=EMA(half_life=cfg.ema.half_life, rampup=cfg.ema.rampup),
        seed=cfg.seed,
    )
    check_compatibility(gan, cfg)
    if cfg.trainer.precision == "64-true":
        gan.double()  # before Lightning does: it would load a checkpoint into float32 first
    data = TrainingData(
        source, batch_size=cfg.data.batch_size, game=game, budget=cfg.budget.images, seed=cfg.seed
    )
    evaluation = config.instantiate(cfg.evaluation, "evaluation", data=source, cache=cache_folder())
    return Parts(source, gan, data, evaluation)


def _game(cfg: DictConfig) -> Game:
    try:
        return Game(**cfg.game)
    except ValueError as error:
        raise ConfigError(f"game.{error}") from error


def _optimizer_factory(cfg: DictConfig, player: str) -> Any:
    key = f"optimizer.{player}"
    return lambda parameters: config.instantiate(cfg.optimizer[player], key, params=parameters)


def train(cfg: DictConfig) -> Run:
    """Train what a configuration describes, or go on with it where its run folder already exists.

    Returns:
        The finished run, or the run as it stood when it was asked to stop.

    Raises:
        GanlabError: in one sentence; what was saved before is still there.
    """
    parts = build(cfg)
    trainer = _lightning(cfg)
    folder, checkpoint = _open_folder(cfg)
    images = int(checkpoint.stem) if checkpoint else -1
    folder.rewind(images)
    if images < cfg.budget.images:
        folder.create(config.to_yaml(cfg))
        _fit(cfg, parts, trainer, folder, checkpoint)
    else:
        _conclude(folder, images, cfg.budget.images)
    return Run(folder)


def _fit(
    cfg: DictConfig, parts: Parts, trainer: L.Trainer, folder: RunFolder, checkpoint: Path | None
) -> None:
    """Train until the budget is spent or somebody asks to stop."""
    folder.write_summary(state="running", reason=None)
    with Interruption() as interruption, wandb_logger(cfg, folder) as logger:
        trainer.loggers = [logger] if logger else []
        trainer.callbacks += _callbacks(cfg, parts, folder, interruption)  # type: ignore[attr-defined]
        try:
            trainer.fit(parts.gan, parts.data, ckpt_path=checkpoint, weights_only=True)
        except BaseException as error:
            seen = parts.gan.clock.images
            if interruption.urgent:
                folder.write_summary(state="preempted", reason="interrupted", images=seen)
                raise KeyboardInterrupt from error  # Lightning has made a SystemExit of it
            reason = str(error) if isinstance(error, GanlabError) else f"{type(error).__name__}: {error}"
            with suppress(GanlabError):  # a full disk is perhaps what went wrong
                folder.write_summary(state="failed", reason=reason, images=seen)
            raise
        _conclude(folder, parts.gan.clock.images, cfg.budget.images)


def _conclude(folder: RunFolder, images: int, budget: int) -> None:
    """The pictures of a finished run, then its state."""
    finished = images >= budget
    if finished:
        draw_curves(folder.read_metrics(), folder.path / "curve.png")
        save_animation(folder.sample_grids(), folder.path / "samples.gif")
    folder.write_summary(state="finished" if finished else "preempted", reason=None, images=images)


def dry_run(cfg: DictConfig) -> str:
    """Build everything, take one training step, write nothing; a text with the parameter counts and the step."""
    parts = build(cfg)
    one_step = TrainingData(
        parts.source, batch_size=cfg.data.batch_size, game=parts.gan.game, budget=1, seed=cfg.seed
    )
    parts.gan.clock.pretrained = parts.gan.objective.pretrain_images  # the one step is of the game
    _lightning(cfg).fit(parts.gan, one_step)
    means = parts.gan.pop_metrics()
    losses = ", ".join(f"{name} {value:.4f}" for name, value in means.items())
    samples = "x".join(map(str, parts.source.shape))
    return "\n".join(
        [
            f"data          {parts.source.name}, samples of {samples}",
            f"generator     {count_parameters(parts.gan.generator):,} parameters",
            f"discriminator {count_parameters(parts.gan.discriminator):,} parameters",
            f"one step      {losses}",
        ]
    )


def _open_folder(cfg: DictConfig) -> tuple[RunFolder, Path | None]:
    """The folder of a run, and the checkpoint to go on from if there is one."""
    root = Path(cfg.run.root).expanduser()
    if cfg.run.name is None:
        cfg.run.name = _new_name(cfg, root)
        return RunFolder(root / cfg.run.name), None
    folder = RunFolder(root / cfg.run.name)
    if not folder.exists:
        return folder, None
    if cfg.run.resume == "never":
        raise ConfigError(
            f"the run {folder.path} exists already; choose another run.name, or run.resume=auto to go on"
        )
    changed = config.difference(config.load(folder.config), cfg)
    if changed:
        raise ConfigError(
            f"the run {folder.path} was made with other values of {', '.join(changed)};"
            " choose another run.name, or leave them as they were to resume"
        )
    return folder, _newest_whole(folder)


def _newest_whole(folder: RunFolder) -> Path | None:
    """The newest checkpoint that is not damaged; None if there is no checkpoint at all."""
    checkpoints = folder.list_checkpoints()
    for path in reversed(checkpoints):
        if verifies(path):
            return path
        _log.warning("the checkpoint %s is corrupt; going back to the one before it", path)
    if checkpoints:
        raise CheckpointError(f"every checkpoint of {folder.path} is corrupt; remove them to start anew")
    return None


def _new_name(cfg: DictConfig, root: Path) -> str:
    """A name that no run has, taken by making its folder."""
    data, objective = (cfg[key]["_target_"].rpartition(".")[2].lower() for key in ("data", "objective"))
    base = f"{data}-{objective}-{datetime.now():%Y%m%d-%H%M%S}"
    for name in itertools.chain([base], (f"{base}-{n}" for n in itertools.count(2))):
        try:
            (root / name).mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise GanlabError(f"cannot make the run folder {root / name}: {error.strerror}") from error
        return name
    raise AssertionError("unreachable: the names are endless")


def _callbacks(
    cfg: DictConfig, parts: Parts, folder: RunFolder, interruption: Interruption
) -> list[L.Callback]:
    """In the order they act: a checkpoint covers all that was written before it."""
    budget, every = cfg.budget.images, cfg.evaluation.every
    log = MetricsLog(folder, every=cfg.log.every, budget=budget)
    latents = parts.gan.latent.numbered(0, cfg.samples.n, seed=cfg.seed, purpose="grid")
    saved, keep = cfg.checkpoint.every or every, cfg.checkpoint.keep
    return [
        log,
        Evaluate(parts.evaluation, log, every=every, budget=budget),
        SampleGrids(latents, parts.source, folder, every=every, budget=budget),
        Checkpoints(folder, interruption, every=saved, keep=keep, budget=budget),
        Progress(log, every=cfg.log.every, lines_every=every, budget=budget),
    ]


def _lightning(cfg: DictConfig) -> L.Trainer:
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
