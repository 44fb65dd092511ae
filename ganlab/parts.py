"""The objects that a configuration describes, built and found to fit together."""

from dataclasses import dataclass
from typing import Any

import torch
from omegaconf import DictConfig

from ganlab import config
from ganlab.compatibility import check_compatibility
from ganlab.data import DataSource
from ganlab.data.module import TrainingData
from ganlab.ema import EMA
from ganlab.errors import ConfigError
from ganlab.evaluation import Evaluation
from ganlab.game import Game
from ganlab.gan import GAN
from ganlab.latent import Latent
from ganlab.networks.build import build_discriminator, build_generator
from ganlab.places import cache_folder
from ganlab.schedule import Schedule


@dataclass(frozen=True)
class Parts:
    """Everything that a run is made of."""

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
        clip_norm=cfg.optimizer.clip_norm,
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
