"""What the tests share: a configuration small enough to train in a moment."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig

import ganlab

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


def crash_after(steps: int, cfg: DictConfig) -> None:
    """Train a new run until so many training steps are made; the next one raises OSError("the machine burns")."""
    from ganlab.gan import GAN

    real_step, made = GAN.training_step, []

    def step(self: GAN, *arguments: object) -> None:
        if len(made) == steps:
            raise OSError("the machine burns")
        made.append(self.clock.position)
        real_step(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GAN, "training_step", step)
        with pytest.raises(OSError, match="burns"):
            ganlab.train(cfg)


@pytest.fixture(scope="session")
def inception_file(tmp_path_factory) -> Path:
    """A checkpoint in the official layout with He-initialised convolutions: features and logits of a useful size."""
    import torch_fidelity.feature_extractor_inceptionv3 as module

    class Skeleton(module.FeatureExtractorInceptionV3):
        def load_state_dict(self, *_args, **_kwargs):  # the constructor insists on loading something
            return None

    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng():
        torch.manual_seed(0)
        patch.setattr(module, "load_state_dict_from_url", lambda *_args, **_kwargs: {})
        network = Skeleton("skeleton", ["2048"])
        for layer in network.modules():
            if isinstance(layer, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        network.fc.weight.data *= 50  # logits that spread, so that the inception score is not 1
    path = tmp_path_factory.mktemp("weights") / "inception.pth"
    torch.save(network.state_dict(), path)
    return path
