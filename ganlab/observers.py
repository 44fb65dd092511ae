"""What watches a run while it trains: the callbacks that its configuration asks for."""

import lightning as L
from omegaconf import DictConfig

from ganlab.callbacks import (
    Checkpoints,
    Diagnostics,
    Evaluate,
    Gradients,
    Health,
    Listen,
    MetricsLog,
    Progress,
    SampleGrids,
    Truth,
)
from ganlab.data import GaussianMixture
from ganlab.health import Thresholds
from ganlab.interruption import Interruption
from ganlab.parts import Parts
from ganlab.runs import RunFolder
from ganlab.tracking import Tracker


def observers(
    cfg: DictConfig, parts: Parts, folder: RunFolder, interruption: Interruption, tracking: Tracker | None
) -> list[L.Callback]:
    """The callbacks of a run in the order they act: a checkpoint covers all that was written before it."""
    budget, every = cfg.budget.images, cfg.evaluation.every
    log = MetricsLog(folder, tracking, every=cfg.log.every, budget=budget)
    latents = parts.gan.latent.numbered(0, cfg.samples.n, seed=cfg.seed, purpose="grid")
    saved, keep = cfg.checkpoint.every or every, cfg.checkpoint.keep
    gradients = (
        [Gradients(tracking, every=cfg.log.every, budget=budget)] if tracking and cfg.wandb.gradients else []
    )
    evaluate = Evaluate(parts.evaluation, log, every=every, budget=budget)
    health = Health(
        log, _thresholds(cfg), stop=cfg.health.on_collapse == "stop", every=cfg.log.every, budget=budget
    )
    sampled = cfg.log.every if cfg.diagnostics.every is None else cfg.diagnostics.every
    watching = [Diagnostics(every=sampled, budget=budget, slopes=cfg.diagnostics.slopes)] if sampled else []
    return [
        Listen(interruption),
        *watching,
        log,
        *gradients,
        *_against_the_truth(cfg, parts, log),
        evaluate,
        SampleGrids(latents, parts.source, folder, tracking, every=every, budget=budget),
        Checkpoints(folder, interruption, evaluate, every=saved, keep=keep, budget=budget),
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
