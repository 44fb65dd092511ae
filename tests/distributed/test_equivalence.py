"""N ranks play the game that one process plays with N times the batch, and their replicas never part."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
import torch.distributed as dist

import ganlab
from ganlab import config
from ganlab.gan import DISCRIMINATOR, GAN
from ganlab.parts import build
from ganlab.trainer import connect, make_trainer
from tests.conftest import TINY

Ranks = Callable[..., list[Any]]

GAMES = {
    "non_saturating": ["penalty.r1.interval=2"],
    "wgan_gp": ["game.n_critic=5"],
    "ebgan_pt": ["objective.pretrain_images=16", "network/discriminator=mlp_autoencoder"],
    "began": ["objective.patience=4", "network/discriminator=mlp_autoencoder"],
    "rpgan": [],
    "ragan": [],
    "dragan": ["game.accumulate=2"],
}


def _play(words: list[str], *callbacks: L.Callback) -> GAN:
    cfg = config.compose(words)
    parts, trainer = build(cfg), make_trainer(cfg)
    parts.gan.ranks = connect(trainer)
    trainer.callbacks += callbacks
    trainer.fit(parts.gan, parts.data)
    return parts.gan


def _weights(words: list[str]) -> dict[str, np.ndarray]:
    return {name: tensor.numpy().copy() for name, tensor in _play(words).state_dict().items()}


def _game(objective: str, batch: int) -> list[str]:
    recipe = GAMES[objective]
    steps = 20 * next((int(word[-1]) for word in recipe if "n_critic" in word), 1)
    words = [
        *TINY, "network=mlp", f"objective={objective}", *recipe, "trainer.precision=64-true",
        f"data.batch_size={batch}", f"budget.images={steps * 12}",
    ]  # fmt: skip
    widths = ("network.generator.width=4", "network.discriminator.width=4")
    return [word for word in words if word not in widths]


@pytest.mark.parametrize("objective", GAMES)
def test_ranks_play_what_one_process_plays_with_all_their_samples(objective: str, ranks: Ranks) -> None:
    accumulate = 2 if "game.accumulate=2" in GAMES[objective] else 1
    together = ranks(2, _weights, _game(objective, 6 // accumulate))
    alone = _weights(_game(objective, 12 // accumulate))
    assert len(alone) > 10
    for name, weights in alone.items():
        assert np.array_equal(together[0][name], together[1][name]), name
        np.testing.assert_allclose(together[0][name], weights, rtol=0, atol=1e-10, err_msg=name)


def _hashes(words: list[str]) -> list[str]:
    """Hashes of everything that must be the same on all ranks: weights, buffers, average, optimizers, scales."""
    gan = _play(words)
    optimizers = [optimizer.state_dict()["state"] for optimizer in gan.trainer.optimizers]
    state = [gan.state_dict(), *optimizers, gan.trainer.precision_plugin.state_dict()]
    return [hashlib.sha256(repr(_plain(part)).encode()).hexdigest() for part in state]


def _plain(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.double().tolist()
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return value


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
def test_replicas_are_bitwise_equal_after_200_steps(precision: str, ranks: Ranks) -> None:
    """With BatchNorm in G, whose statistics are averaged, R1 and spectral norm."""
    words = [*TINY, f"trainer.precision={precision}", "budget.images=3200", "network.spectral_norm=true"]
    first, second = ranks(2, _hashes, [*words, "network.generator.norm=batch", "penalty.r1.interval=4"])
    assert first == second
    assert len(set(first)) == 4


class Bytes(L.Callback):
    """Bytes that gradients take on their way, by player."""

    def on_train_start(self, trainer: L.Trainer, gan: GAN) -> None:  # type: ignore[override]
        self.sent: list[tuple[int, int]] = []
        self._real = dist.all_reduce

        def counting(tensor: torch.Tensor, *arguments: Any, **options: Any) -> Any:
            if tensor.device == gan.device and "group" not in options:
                self.sent.append((gan.playing, tensor.numel() * tensor.element_size()))
            return self._real(tensor, *arguments, **options)

        dist.all_reduce = counting

    def on_train_end(self, trainer: L.Trainer, gan: GAN) -> None:  # type: ignore[override]
        dist.all_reduce = self._real


def _bytes_sent(words: list[str]) -> tuple[list[tuple[int, int]], int, int]:
    counted = Bytes()
    gan = _play(words, counted)
    sizes = [
        sum(4 * p.numel() for p in network.parameters()) for network in (gan.generator, gan.discriminator)
    ]
    return counted.sent, sizes[0], sizes[1]


def test_a_step_sends_the_gradients_of_its_player_once(ranks: Ranks) -> None:
    words = [
        *TINY, "network.generator.norm=none", "game.n_critic=2", "game.accumulate=2", "data.batch_size=4",
        "budget.images=64",
    ]  # fmt: skip
    for sent, size_g, size_d in ranks(2, _bytes_sent, words):
        iteration = [(DISCRIMINATOR, size_d), (DISCRIMINATOR, size_d), (1 - DISCRIMINATOR, size_g)]
        assert sent == 2 * iteration
        assert size_g != size_d


def _metrics(words: list[str]) -> list[dict[str, Any]]:
    run = ganlab.train(config.compose(words))
    return [
        {name: value for name, value in line.items() if not name.startswith("time/")} for line in run.metrics
    ]


def test_logged_losses_are_means_over_the_ranks(ranks: Ranks, tmp_path: Path) -> None:
    words = [
        *TINY, "network.generator.norm=none", "trainer.precision=64-true", f"run.root={tmp_path}",
        "budget.images=48", "log.every=24", "diagnostics.every=0",  # those compare the samples of one rank
    ]  # fmt: skip
    together = ranks(2, _metrics, [*words, "data.batch_size=6"])
    alone = _metrics([*words, "data.batch_size=12", "run.name=alone"])
    assert together[0] == together[1]
    assert len(alone) == 2
    for theirs, ours in zip(together[0], alone, strict=True):
        assert theirs == pytest.approx(ours, abs=1e-10)
