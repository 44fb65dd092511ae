"""From a configuration to a trained run."""

import logging
import socket
from contextlib import nullcontext, suppress
from pathlib import Path

import lightning as L
from omegaconf import DictConfig

from ganlab import config, launch
from ganlab.data import DataSource
from ganlab.data.module import TrainingData
from ganlab.distributed import PlayersStrategy, lost_contact
from ganlab.errors import ConfigError, GanlabError, TrainingError
from ganlab.figures import draw_curves
from ganlab.gan import GAN
from ganlab.images import save_animation
from ganlab.interruption import Interruption, Request
from ganlab.networks.layers import count_parameters
from ganlab.observers import observers
from ganlab.parts import Parts, build
from ganlab.ranks import Ranks
from ganlab.resume import open_folder
from ganlab.run import Run
from ganlab.runs import RunFolder
from ganlab.selection import compare_checkpoints
from ganlab.terminal import say
from ganlab.tracking import tracker
from ganlab.trainer import connect, make_trainer

_log = logging.getLogger(__name__)


def train(cfg: DictConfig) -> Run:
    """Train what a configuration describes, or go on with it where its run folder already exists.

    Every process of a run calls it; it starts those that nobody else has started.

    Returns:
        The finished run, or the run as it stood when it was asked to stop.

    Raises:
        GanlabError: in one sentence; what was saved before is still there.
    """
    parts, trainer = build(cfg), make_trainer(cfg)
    ranks = parts.gan.ranks = connect(trainer)
    folder, checkpoint, started = ranks.first(lambda: _open(cfg, parts.source, ranks.size))
    if started:
        _check_shared(folder, started, ranks)
        _fit(cfg, parts, trainer, folder, checkpoint)
    return Run(folder)


def _open(cfg: DictConfig, source: DataSource, ranks: int) -> tuple[RunFolder, Path | None, str]:
    """The run's folder, the checkpoint to go on from, and what its environment.json now says; "" if it is done."""
    source.check()
    folder, checkpoint = open_folder(cfg)
    images = int(checkpoint.stem) if checkpoint else -1
    folder.rewind(images)  # what was written after the checkpoint will be written again
    if images >= cfg.budget.images:
        say(f"the run {folder.path} has its {cfg.budget.images:,} images already")
        _conclude(folder, images, cfg.budget.images)
        return folder, checkpoint, ""
    if folder.starts:
        say(f"going on after {images:,} images" if checkpoint else "no checkpoint yet: starting again")
    if checkpoint and folder.starts and (before := folder.starts[-1].get("ranks", ranks)) != ranks:
        _log.warning(
            "the run %s was on %d ranks and goes on on %d: in the same order of the data, which then make"
            " batches of another size and sums that round otherwise",
            folder.path,
            before,
            ranks,
        )
    started = folder.create(config.to_yaml(cfg), ranks=ranks)
    folder.write_summary(state="running", reason=None)
    return folder, checkpoint, started


def _check_shared(folder: RunFolder, started: str, ranks: Ranks) -> None:
    """Raise ConfigError on all ranks unless all of them see the folder that rank 0 has written."""
    try:
        seen = folder.environment.read_text() == started
    except OSError:
        seen = False
    blind = [host for host, sees in ranks.each((socket.gethostname(), seen)) if not sees]
    if blind:
        raise ConfigError(
            f"{folder.path.absolute()} is not the same folder on all hosts: {blind[0]} does not see what rank 0"
            " has written there; set run.root to a folder on a file system that all hosts share"
        )


def _fit(
    cfg: DictConfig, parts: Parts, trainer: L.Trainer, folder: RunFolder, checkpoint: Path | None
) -> None:
    """Train until the budget is spent or somebody asks to stop."""
    gan, ranks = parts.gan, parts.gan.ranks
    tracked = tracker(cfg, folder, parts.evaluation.directions) if ranks.rank == 0 else nullcontext()
    with Interruption() as interruption, tracked as tracking:
        trainer.callbacks += observers(cfg, parts, folder, interruption, tracking)  # type: ignore[attr-defined]
        try:
            trainer.fit(gan, parts.data, ckpt_path=checkpoint, weights_only=True)
            if gan.clock.images >= cfg.budget.images:
                compare_checkpoints(
                    cfg, parts.source, parts.evaluation, folder, ranks=ranks, device=gan.device
                )
            ranks.first(lambda: _conclude(folder, gan.clock.images, cfg.budget.images))
        except BaseException as error:
            if interruption.urgent:
                _record(gan, folder, state="preempted", reason="interrupted")
                raise KeyboardInterrupt from error  # Lightning has made a SystemExit of it
            if lost_contact(error):
                error = TrainingError("lost contact with another process of this run, which has ended")
            reason = str(error) if isinstance(error, GanlabError) else f"{type(error).__name__}: {error}"
            _record(gan, folder, state="failed", reason=reason)
            if isinstance(trainer.strategy, PlayersStrategy):
                trainer.strategy.abandon()
            raise error
    if interruption.granted == Request.REQUEUE and launch.job():
        ranks.first(launch.requeue)


def _record(gan: GAN, folder: RunFolder, *, state: str, reason: str) -> None:
    """Note how a run has ended, on rank 0, if the disk lets us: it is perhaps what went wrong."""
    if gan.ranks.rank == 0:
        with suppress(GanlabError):
            folder.write_summary(state=state, reason=reason, images=gan.clock.images)


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
    trainer = make_trainer(cfg)
    parts.gan.ranks = connect(trainer)
    trainer.fit(parts.gan, one_step)
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
