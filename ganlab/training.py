"""From a configuration to a trained run."""

import itertools
import logging
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import lightning as L
from omegaconf import DictConfig

from ganlab import config
from ganlab.callbacks import (
    Checkpoints,
    Diagnostics,
    Evaluate,
    Health,
    MetricsLog,
    Progress,
    SampleGrids,
    Truth,
)
from ganlab.checkpoints import verifies
from ganlab.data import GaussianMixture
from ganlab.data.module import TrainingData
from ganlab.errors import CheckpointError, ConfigError, GanlabError
from ganlab.figures import draw_curves
from ganlab.health import Thresholds
from ganlab.images import save_animation
from ganlab.interruption import Interruption
from ganlab.networks.layers import count_parameters
from ganlab.parts import Parts, build
from ganlab.run import Run
from ganlab.runs import RunFolder
from ganlab.tracking import wandb_logger
from ganlab.trainer import make_trainer

_log = logging.getLogger(__name__)


def train(cfg: DictConfig) -> Run:
    """Train what a configuration describes, or go on with it where its run folder already exists.

    Returns:
        The finished run, or the run as it stood when it was asked to stop.

    Raises:
        GanlabError: in one sentence; what was saved before is still there.
    """
    parts = build(cfg)
    trainer = make_trainer(cfg)
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
    make_trainer(cfg).fit(parts.gan, one_step)
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
    health = Health(
        log, _thresholds(cfg), stop=cfg.health.on_collapse == "stop", every=cfg.log.every, budget=budget
    )
    sampled = cfg.log.every if cfg.diagnostics.every is None else cfg.diagnostics.every
    watching: list[L.Callback] = [
        Diagnostics(every=sampled, budget=budget, slopes=cfg.diagnostics.slopes, seed=cfg.seed)
    ]
    return [
        *(watching if sampled else []),
        log,
        *_against_the_truth(cfg, parts, log),
        Evaluate(parts.evaluation, log, every=every, budget=budget),
        SampleGrids(latents, parts.source, folder, every=every, budget=budget),
        Checkpoints(folder, interruption, every=saved, keep=keep, budget=budget),
        health,
        Progress(log, health, every=cfg.log.every, lines_every=every, budget=budget),
    ]


def _against_the_truth(cfg: DictConfig, parts: Parts, log: MetricsLog) -> list[L.Callback]:
    """For mixtures, whose density is known, unless the diagnostics are off."""
    source, sampled = parts.source, cfg.diagnostics.every != 0
    if not (sampled and isinstance(source, GaussianMixture)):
        return []
    return [Truth(source, log, every=cfg.evaluation.every, budget=cfg.budget.images, seed=cfg.seed)]


def _thresholds(cfg: DictConfig) -> Thresholds:
    return Thresholds(**{name: value for name, value in cfg.health.items() if name != "on_collapse"})
