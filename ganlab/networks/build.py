"""The two networks of a configuration."""

import torch
from omegaconf import DictConfig
from torch import nn

from ganlab import config


def build_generator(cfg: DictConfig, shape: tuple[int, ...]) -> nn.Module:
    """The generator of samples of a shape, (C, H, W) or (d,)."""
    node, latent_dim = cfg.network.generator, cfg.network.latent_dim
    return _fast(config.instantiate(node, "network.generator", shape=shape, latent_dim=latent_dim))


def build_discriminator(cfg: DictConfig, shape: tuple[int, ...]) -> nn.Module:
    """The discriminator of samples of a shape; where it judges packs, of packs."""
    packed = (shape[0] * cfg.game.packing, *shape[1:])
    return _fast(config.instantiate(cfg.network.discriminator, "network.discriminator", shape=packed))


def _fast(network: nn.Module) -> nn.Module:
    """Convolutions run faster on weights whose channels lie last in memory; the numbers are the same."""
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
