"""One real training step of every shipped objective, on both kinds of network, in two precisions, with every penalty."""

import math
from functools import cache

import lightning as L
import pytest
import torch
from omegaconf import DictConfig

from ganlab import config, training
from ganlab.config.settings import put
from ganlab.gan import GAN
from ganlab.parts import build
from ganlab.trainer import lightning_options

OBJECTIVES = [*config.choices()["objective"], "r3gan"]
PENALTIES = list(config.choices()["penalty"])
ENERGY = ("began", "ebgan", "ebgan_pt")
NETWORKS = {
    "dcgan": ["network=dcgan", "network.generator.width=4", "network.discriminator.width=4"],
    "mlp": ["network=mlp", "network.generator.hidden=[16,16]", "network.discriminator.hidden=[16,16]"],
}
# d_loss is made of differences of scores, at least at first: adding a constant to D changes nothing
SHIFT_INVARIANT = ("gls_gan", "hinge", "r3gan", "ragan", "rpgan", "wgan", "wgan_gp")


def chosen(objective: str) -> str:
    return f"{'experiment' if objective == 'r3gan' else 'objective'}={objective}"


@cache
def penalty(name: str) -> DictConfig:
    return config.compose(["evaluation=none", f"penalty={name}"]).penalty


@cache
def recipe(objective: str, network: str, precision: str) -> DictConfig:
    words = [
        chosen(objective), *NETWORKS[network], f"trainer.precision={precision}", "trainer=cpu",
        "evaluation=none", "wandb.mode=disabled", "network.latent_dim=5", "game.n_critic=1",
        "data.resolution=8", "data.batch_size=8", "budget.images=8",
    ]  # fmt: skip
    if objective in ENERGY:
        words[1:1] = [f"network/discriminator={'mlp' if network == 'mlp' else 'conv'}_autoencoder"]
        words.append("network.discriminator.code_dim=6")
    if objective.startswith("ebgan"):
        words.append("objective.pretrain_images=0")
    cfg = config.compose(words)
    config.validate(cfg)
    return cfg


def parameters(gan: GAN) -> dict[str, torch.Tensor]:
    networks = (gan.generator, gan.discriminator)
    names = ("generator", "discriminator")
    return {
        f"{name}.{key}": p.detach().clone()
        for name, network in zip(names, networks, strict=True)
        for key, p in network.named_parameters()
    }


class Steps:
    """What each optimizer step of a GAN changes: (player, names); no backward pass may reach the other player."""

    def __init__(self, gan: GAN) -> None:
        self.taken: list[tuple[str, set[str]]] = []
        optimize, backward = gan._optimize, gan._backward
        networks = (gan.generator, gan.discriminator)

        def alone(loss: torch.Tensor, player: int) -> None:
            others = list(networks[1 - player].parameters())
            before = [None if p.grad is None else p.grad.clone() for p in others]
            backward(loss, player)
            for p, gradient in zip(others, before, strict=True):
                assert p.grad is None if gradient is None else torch.equal(p.grad, gradient)

        def watched(player: int) -> None:
            before = parameters(gan)
            optimize(player)
            after = parameters(gan)
            changed = {name for name in before if not torch.equal(before[name], after[name])}
            self.taken.append((("generator", "discriminator")[player], changed))

        gan._optimize, gan._backward = watched, alone


def with_penalties(cfg: DictConfig, names: list[str]) -> DictConfig:
    """The recipe with these penalties in the place of its own."""
    changed = cfg.copy()
    put(changed, "penalty", {name: penalty(name)[name] for name in names})
    return changed


def check_step(objective: str, cfg: DictConfig) -> None:
    parts = build(cfg)
    steps = Steps(parts.gan)
    trainer = L.Trainer(**lightning_options(cfg), logger=False)
    trainer.fit(parts.gan, parts.data)
    metrics = parts.gan.pop_metrics()
    assert {"loss/d", "loss/g", "score/real", "score/fake"} <= metrics.keys()
    assert {f"penalty/{name}" for name in cfg.penalty} <= metrics.keys()
    assert all(math.isfinite(value) for value in metrics.values()), metrics
    assert [player for player, _ in steps.taken] == ["discriminator", "generator"]
    for player, changed in steps.taken:
        own = {name for name, _ in parts.gan.named_parameters() if name.startswith(f"{player}.")}
        free = {"discriminator.output.bias"} if objective in SHIFT_INVARIANT else set()
        assert changed <= own, f"the {player}'s step moved {changed - own}"
        assert own - changed <= free, f"the {player}'s step left {own - changed} as they were"


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_one_step(objective: str, network: str, precision: str) -> None:
    cfg = recipe(objective, network, precision)
    check_step(objective, cfg)
    for names in [[], *([name] for name in PENALTIES)]:
        check_step(objective, with_penalties(cfg, names))


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("objective", [name for name in OBJECTIVES if name not in ENERGY])
def test_one_step_with_spectral_norm(objective: str, network: str, precision: str) -> None:
    cfg = recipe(objective, network, precision).copy()
    put(cfg, "constraint", {})
    put(cfg, "network.spectral_norm", True)
    check_step(objective, cfg)


@pytest.mark.parametrize("objective", [o for o in OBJECTIVES if o not in ("loss_sensitive", "gls_gan")])
def test_one_step_on_packs(objective: str) -> None:
    cfg = recipe(objective, "dcgan", "32-true").copy()
    put(cfg, "game.packing", 2)
    check_step(objective, cfg)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_recipe_alone_runs_on_images_and_on_points(objective: str) -> None:
    for data in ("digits", "ring"):
        words = [chosen(objective), f"data={data}", "evaluation=none", "data.batch_size=4"]
        assert "one step" in training.dry_run(config.compose(words))
