"""What the tests share: a configuration small enough to train in a moment."""

from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig

import ganlab  # noqa: F401  it lets lightning import beside a CPU-only torch

TINY = (
    "evaluation=none",
    "wandb.mode=disabled",
    "run.name=tiny",
    "data.resolution=8",
    "data.batch_size=8",
    "network.latent_dim=5",
    "network.generator.width=4",
    "network.discriminator.width=4",
    "budget.images=64",
    "evaluation.every=32",
    "log.every=16",
    "samples.n=4",
)


@pytest.fixture
def tiny(tmp_path: Path) -> Callable[..., DictConfig]:
    """Compose a run of 8 steps on digits of 8 pixels in a temporary folder, with further overrides."""
    from ganlab import config

    def compose(*overrides: str) -> DictConfig:
        return config.compose([*TINY, f"run.root={tmp_path / 'runs'}", *overrides])

    return compose
