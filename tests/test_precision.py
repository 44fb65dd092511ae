"""One gradient scaler per player."""

import itertools
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
        self.averages: list[torch.Tensor] = []
        self.states: list[tuple[list[torch.Tensor], ...]] = []

    def on_train_batch_start(self, trainer: L.Trainer, gan: GAN, batch: torch.Tensor, batch_idx: int) -> None:
        if not self.scales:
            for scaler in trainer.precision_plugin.scalers:
                scaler._init_scale = 256.0  # small enough that nothing overflows by itself
        self.weights.append((gan.generator.input[0].weight.clone(), gan.discriminator.output.weight.clone()))
        self.averages.append(gan.generator_ema.input[0].weight.clone())
        self.states.append(tuple(_moments(optimizer) for optimizer in trainer.optimizers))

    def on_after_backward(self, trainer: L.Trainer, gan: GAN) -> None:
        if gan.clock.iteration == self.iteration and gan.playing == self.player:
            network = gan.generator if self.player == GENERATOR else gan.discriminator
            next(network.parameters()).grad.fill_(float("inf"))

    def on_train_batch_end(self, trainer: L.Trainer, gan: GAN, *_: object) -> None:
        self.scales.append(tuple(scaler.get_scale() for scaler in trainer.precision_plugin.scalers))


def _moments(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    state = [value for moments in optimizer.state.values() for value in moments.values()]
    return [value.clone() for value in state if value.ndim]


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
@pytest.mark.parametrize("iteration", [0, 2])
@pytest.mark.parametrize("player", [GENERATOR, DISCRIMINATOR])
def test_an_overflow_skips_one_players_step_and_halves_its_scale_alone(
    tiny: Compose, player: int, iteration: int, optimizer: str
) -> None:
    """Fused Adam leaves a step out by itself, RMSprop's is undone; G's average and both states stay too."""
    cfg = tiny(
        "trainer.precision=16-mixed", "budget.images=40", "game.accumulate=2", "data.batch_size=4",
        f"optimizer={optimizer}",
    )  # fmt: skip
    parts = build(cfg)
    overflow = Overflow(player, iteration)
    trainer = L.Trainer(**lightning_options(cfg), logger=False, callbacks=[overflow])
    trainer.fit(parts.gan, parts.data)
    assert isinstance(trainer.precision_plugin, PlayerMixedPrecision)
    halved, other = (256.0, 128.0), (256.0, 256.0)
    for scales in overflow.scales[:iteration]:
        assert scales == other
    for scales in overflow.scales[iteration:]:
        assert scales[player] == halved[1]
        assert scales[1 - player] == 256.0
    before, after = overflow.weights[iteration], overflow.weights[iteration + 1]
    assert torch.equal(before[player], after[player])
    assert not torch.equal(before[1 - player], after[1 - player])
    averages = overflow.averages[iteration], overflow.averages[iteration + 1]
    assert torch.equal(*averages) == (player == GENERATOR)
    was, now = overflow.states[iteration][player], overflow.states[iteration + 1][player]
    assert now
    for i, moment in enumerate(now):
        assert torch.equal(moment, was[i] if was else torch.zeros_like(moment))
    assert parts.gan.clock.images == 40  # they were shown


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


def test_long_gradients_are_shortened_after_they_are_unscaled(tiny: Compose) -> None:
    """By SGD of rate 1, a step is as long as its gradient."""

    class Steps(L.Callback):
        def __init__(self) -> None:
            self.before: list[torch.Tensor] = []

        def on_train_batch_start(self, trainer: L.Trainer, gan: GAN, *_: object) -> None:  # type: ignore[override]
            self.before.append(
                torch.nn.utils.parameters_to_vector(gan.generator.parameters()).detach().clone()
            )

    for precision in ("32-true", "16-mixed"):
        sgd = [
            f"optimizer.{player}={{_target_: torch.optim.SGD, lr: 1.0}}"
            for player in ("generator", "discriminator")
        ]
        cfg = tiny(f"trainer.precision={precision}", "budget.images=24", "optimizer.clip_norm=1e-3", *sgd)
        parts, steps = build(cfg), Steps()
        L.Trainer(**lightning_options(cfg), logger=False, callbacks=[steps]).fit(parts.gan, parts.data)
        for before, after in itertools.pairwise(steps.before):
            assert (after - before).norm().item() == pytest.approx(1e-3, rel=2e-2)
