"""One gradient scaler per player."""

from collections.abc import Callable

import lightning as L
import pytest
import torch
from omegaconf import DictConfig

from ganlab.gan import DISCRIMINATOR, GAN, GENERATOR
from ganlab.parts import build
from ganlab.precision import PlayerMixedPrecision
from ganlab.trainer import lightning_options

Compose = Callable[..., DictConfig]


class Overflow(L.Callback):
    """Makes one gradient of one player infinite in one iteration; records both scales after every iteration."""

    def __init__(self, player: int, iteration: int) -> None:
        self.player, self.iteration = player, iteration
        self.scales: list[tuple[float, float]] = []
        self.weights: list[tuple[torch.Tensor, torch.Tensor]] = []

    def on_train_batch_start(self, trainer: L.Trainer, gan: GAN, batch: torch.Tensor, batch_idx: int) -> None:
        if not self.scales:
            for scaler in trainer.precision_plugin.scalers:
                scaler._init_scale = 256.0  # small enough that nothing overflows by itself
        self.weights.append((gan.generator.input[0].weight.clone(), gan.discriminator.output.weight.clone()))

    def on_after_backward(self, trainer: L.Trainer, gan: GAN) -> None:
        if gan.clock.iteration == self.iteration and gan.playing == self.player:
            network = gan.generator if self.player == GENERATOR else gan.discriminator
            next(network.parameters()).grad.fill_(float("inf"))

    def on_train_batch_end(self, trainer: L.Trainer, gan: GAN, *_: object) -> None:
        self.scales.append(tuple(scaler.get_scale() for scaler in trainer.precision_plugin.scalers))


@pytest.mark.parametrize("player", [GENERATOR, DISCRIMINATOR])
def test_an_overflow_skips_one_players_step_and_halves_its_scale_alone(tiny: Compose, player: int) -> None:
    cfg = tiny("trainer.precision=16-mixed", "budget.images=40", "game.accumulate=2", "data.batch_size=4")
    parts = build(cfg)
    overflow = Overflow(player, iteration=2)
    trainer = L.Trainer(**lightning_options(cfg), logger=False, callbacks=[overflow])
    trainer.fit(parts.gan, parts.data)
    assert isinstance(trainer.precision_plugin, PlayerMixedPrecision)
    halved, other = (256.0, 128.0), (256.0, 256.0)
    for scales in overflow.scales[:2]:
        assert scales == other
    for scales in overflow.scales[2:]:
        assert scales[player] == halved[1]
        assert scales[1 - player] == 256.0
    before, after = overflow.weights[2], overflow.weights[3]
    assert torch.equal(before[player], after[player])
    assert not torch.equal(before[1 - player], after[1 - player])


def test_scalers_are_saved_each_on_its_own() -> None:
    plugin = PlayerMixedPrecision("16-mixed", "cpu")
    for scaler, scale in zip(plugin.scalers, (8.0, 32.0), strict=True):
        scaler.load_state_dict({**scaler.state_dict(), "scale": scale})
    other = PlayerMixedPrecision("16-mixed", "cpu")
    other.load_state_dict(plugin.state_dict())
    assert [scaler.state_dict()["scale"] for scaler in other.scalers] == [8.0, 32.0]
    bf16 = PlayerMixedPrecision("bf16-mixed", "cpu")
    bf16.load_state_dict(bf16.state_dict())
    assert bf16.scalers == []
