"""What can only be seen on a GPU: precisions, exact resume, NCCL.  Run with ``pytest -m gpu``."""

import os
from collections.abc import Callable
from typing import Any

import lightning as L
import pytest
import torch
from omegaconf import DictConfig

import ganlab
from ganlab import config
from ganlab.distributed import PlayersStrategy
from ganlab.parts import build
from ganlab.trainer import connect, lightning_options
from tests.conftest import crash_after
from tests.test_training import assert_same, assert_same_run

Compose = Callable[..., DictConfig]
pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("precision", ["32-true", "64-true", "bf16-mixed", "16-mixed"])
@pytest.mark.parametrize("objective", ["non_saturating", "wgan_gp", "rpgan"])
def test_every_precision_trains(tiny: Compose, precision: str, objective: str) -> None:
    run = ganlab.train(
        tiny("trainer=gpu", f"trainer.precision={precision}", f"objective={objective}", "budget.images=160")
    )
    assert run.summary["state"] == "finished"
    assert run.sample(3).shape == (3, 1, 8, 8)


@pytest.mark.parametrize("precision", ["32-true", "16-mixed"])
def test_a_crashed_run_goes_on_bit_for_bit(tiny: Compose, precision: str) -> None:
    words = ["trainer=gpu", f"trainer.precision={precision}"]
    whole = ganlab.train(tiny(*words, "run.name=whole"))
    crash_after(5, tiny(*words, "run.name=broken"))
    resumed = ganlab.train(tiny(*words, "run.name=broken"))
    assert_same_run(whole.path, resumed.path)


GAMES = {
    **{name: (f"objective={name}",) for name in config.choices()["objective"]},
    "r3gan": ("experiment=r3gan", "data.resolution=8"),
    "sngan": ("objective=hinge", "network.spectral_norm=true", "game.g_batch_factor=2"),
    "packed": ("game.packing=2", "penalty=[r1,r2]", "game.order=simultaneous"),
    "accumulated": ("game.accumulate=2", "optimizer.clip_norm=1", "game.order=g_first"),
}


@pytest.mark.parametrize("precision", ["32-true", "16-mixed"])
@pytest.mark.parametrize("game", GAMES)
def test_nothing_in_a_step_waits_for_the_device(tiny: Compose, game: str, precision: str) -> None:
    """PyTorch raises where an operation of the two updates synchronises."""

    class Strict(L.Callback):
        def on_train_batch_start(self, trainer: L.Trainer, gan: Any, batch: Any, batch_idx: int) -> None:
            torch.cuda.set_sync_debug_mode("error" if batch_idx > 2 else "default")

        def on_train_batch_end(self, *_: Any) -> None:
            torch.cuda.set_sync_debug_mode("default")

    cfg = tiny("trainer=gpu", f"trainer.precision={precision}", *GAMES[game])
    if "pretrain_images" in cfg.objective:
        cfg.objective.pretrain_images = 16
    cfg.budget.images = 10 * cfg.data.batch_size * cfg.game.n_critic * cfg.game.accumulate * cfg.game.packing
    parts = build(cfg)
    L.Trainer(**lightning_options(cfg), logger=False, callbacks=[Strict()]).fit(parts.gan, parts.data)
    assert parts.gan.clock.images == cfg.budget.images


def test_nccl_with_one_rank_is_what_one_process_does(tiny: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29777", "LOCAL_RANK": "0"}.items():
        monkeypatch.setenv(name, value)

    def weights(**options: Any) -> dict[str, torch.Tensor]:
        cfg = tiny("trainer=gpu", "objective=ragan")
        parts = build(cfg)
        trainer = L.Trainer(**lightning_options(cfg), logger=False, **options)
        parts.gan.ranks = connect(trainer)
        trainer.fit(parts.gan, parts.data)
        return {name: tensor.cpu() for name, tensor in parts.gan.state_dict().items()}

    alone = weights()
    try:
        together = weights(strategy=PlayersStrategy())
        assert torch.distributed.get_backend() == "nccl"
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
    assert_same(alone, together)
    assert os.environ["MASTER_PORT"] == "29777"
