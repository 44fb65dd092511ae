"""The first phase of an objective: D alone on real samples, with images of its own."""

import itertools
from collections.abc import Callable
from typing import Any

import lightning as L
import pytest
import torch
from omegaconf import DictConfig
from torch import Tensor

import ganlab
from ganlab import training
from ganlab.game import Clock
from ganlab.gan import GAN
from tests.conftest import crash_after
from tests.test_control import fit
from tests.test_training import assert_same_run

Compose = Callable[..., DictConfig]
EBGAN = ("objective=ebgan", "objective.pretrain_images=40")


def test_the_first_phase_trains_d_alone_on_real_samples(tiny: Compose) -> None:
    stages: list[tuple[Clock, dict[str, Tensor]]] = []

    class Record(L.Callback):
        def on_train_batch_end(self, trainer: L.Trainer, gan: GAN, *arguments: Any) -> None:
            stages.append((Clock(**vars(gan.clock)), {k: v.clone() for k, v in gan.state_dict().items()}))

    gan = fit(tiny(*EBGAN, "budget.images=16"), Record())
    assert [(clock.pretrained, clock.images, clock.iteration) for clock, _ in stages] == [
        (8, 0, 0), (16, 0, 0), (24, 0, 0), (32, 0, 0), (40, 0, 0), (40, 8, 1), (40, 16, 2),
    ]  # fmt: skip
    assert [clock.position for clock, _ in stages] == [8, 16, 24, 32, 40, 48, 56]
    for (_, before), (after_clock, after) in itertools.pairwise(stages):
        changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
        alone = {"discriminator"}
        assert changed == (alone if after_clock.images == 0 else alone | {"generator", "generator_ema"})
    means = gan.pop_metrics()
    assert means["loss/pretrain"] < 1
    assert len(stages) == 7


def test_the_first_phase_minimises_the_energy_of_real_samples(tiny: Compose) -> None:
    few = fit(tiny(*EBGAN, "objective.pretrain_images=8", "budget.images=8")).pop_metrics()
    many = fit(tiny(*EBGAN, "objective.pretrain_images=1200", "budget.images=8")).pop_metrics()
    assert many["loss/pretrain"] < 0.8 * few["loss/pretrain"]


# in the first phase, before and after its checkpoint; in the game
@pytest.mark.parametrize("step", [3, 4, 8])
def test_a_run_that_crashed_goes_on_through_its_first_phase(
    tiny: Compose, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    settings = [*EBGAN, "evaluation=digits", "evaluation.n_fake=20", "evaluation.every=24", "log.every=8"]
    whole = ganlab.train(tiny(*settings, "run.name=whole"))
    crash_after(step, tiny(*settings, "run.name=broken"))
    resumed = ganlab.train(tiny(*settings, "run.name=broken"))
    assert_same_run(whole.path, resumed.path)
    at_start = [line for line in resumed.metrics if line["images"] == 0]
    assert len(at_start) == 1  # evaluated once before the first step, not again on the way


def test_a_crash_in_the_first_phase_does_not_begin_it_anew(
    tiny: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    cfg = tiny(*EBGAN, "checkpoint.every=16")
    pretrain, seen = GAN._pretrain, []

    def crash(self: GAN, real: Tensor) -> None:
        seen.append(self.clock.pretrained)
        if len(seen) == 4:
            raise OSError("the machine burns")
        pretrain(self, real)

    monkeypatch.setattr(GAN, "_pretrain", crash)
    with pytest.raises(OSError, match="burns"):
        ganlab.train(cfg)
    ganlab.train(cfg)
    assert seen == [0, 8, 16, 24, 16, 24, 32]


def test_a_dry_run_is_of_the_game(tiny: Compose) -> None:
    text = training.dry_run(tiny(*EBGAN, "objective.pretrain_images=1000000"))
    assert "loss/g" in text
    assert "loss/pretrain" not in text
