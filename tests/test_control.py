"""What an objective may ask of the training step: a say in the learning rate, averages, the order of play."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from omegaconf import DictConfig
from torch import Tensor, nn

import ganlab
from ganlab.ema import EMA
from ganlab.game import Clock, Game
from ganlab.gan import GAN
from ganlab.latent import Latent
from ganlab.objectives import (
    Hinge,
    Minimax,
    NonSaturating,
    Objective,
    RelativisticPaired,
    Scores,
    Wasserstein,
)
from ganlab.parts import build
from ganlab.schedule import LearningRates, Schedule
from ganlab.theory.dirac import ORDERS, DiracGAN
from ganlab.trainer import lightning_options
from tests.conftest import crash_after
from tests.test_training import assert_same_run

Compose = Callable[..., DictConfig]


class Point(nn.Module):
    """The Dirac-GAN's G: every latent to theta."""

    def __init__(self, theta: float) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.tensor(theta, dtype=torch.float64))

    def forward(self, z: Tensor) -> Tensor:
        return self.theta.expand(len(z), 1)


class Line(nn.Module):
    """The Dirac-GAN's D: psi x."""

    critic = "scalar"

    def __init__(self, psi: float) -> None:
        super().__init__()
        self.psi = nn.Parameter(torch.tensor(psi, dtype=torch.float64))

    def forward(self, x: Tensor) -> Scores:
        return Scores((self.psi * x).squeeze(1))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "objective", [Wasserstein(), NonSaturating(), RelativisticPaired(), Hinge(), Minimax()]
)
def test_the_training_step_plays_the_dirac_gan(objective: Objective, order: Any) -> None:
    lr, steps, start = 0.3, 12, (1.0, 0.5)
    gan = GAN(
        generator=Point(start[0]), discriminator=Line(start[1]), objective=objective, penalties={},
        constraints=[], optimizers=(lambda p: torch.optim.SGD(p, lr), lambda p: torch.optim.SGD(p, lr)),
        latent=Latent(1), game=Game(order=order), schedule=Schedule("constant", 1), ema=EMA(half_life=0), seed=0,
    )  # fmt: skip
    path = []

    class Record(L.Callback):
        def on_train_batch_end(self, *arguments: Any) -> None:
            path.append((gan.generator.theta.item(), gan.discriminator.psi.item()))

    options = lightning_options(ganlab.compose(["trainer=cpu", "trainer.precision=64-true"]))
    data = torch.zeros(steps, 1, 1, 1, dtype=torch.float64)  # one micro-batch of one sample, at 0
    loader = torch.utils.data.DataLoader(data, batch_size=None)
    L.Trainer(**options, logger=False, callbacks=[Record()]).fit(gan, loader)
    expected = DiracGAN(objective).play(
        torch.tensor([start], dtype=torch.float64), lr=lr, steps=steps, order=order
    )
    torch.testing.assert_close(torch.tensor(path, dtype=torch.float64), expected[1:, 0])


def fit(cfg: DictConfig, *callbacks: L.Callback) -> GAN:
    parts = build(cfg)
    L.Trainer(**lightning_options(cfg), logger=False, callbacks=list(callbacks)).fit(parts.gan, parts.data)
    return parts.gan


def test_began_balances_over_micro_batches(tiny: Compose) -> None:
    """k after one iteration from all micro-batches of G's step, and M, in closed form from what D said."""
    said: dict[str, list[Tensor]] = {"d": [], "g": []}
    words = ("objective.gamma=0.5", "objective.lambda_k=0.5", "game.accumulate=3", "budget.images=24")
    cfg = tiny("objective=began", *words)
    parts = build(cfg)
    objective = parts.gan.objective
    for name in said:
        loss = getattr(objective, f"{name}_loss")

        def listen(match: Any, name: str = name, loss: Any = loss) -> Tensor:
            said[name].append((match.real if name == "d" else match.fake).value.detach())
            return loss(match)

        setattr(objective, f"{name}_loss", listen)
    L.Trainer(**lightning_options(cfg), logger=False).fit(parts.gan, parts.data)
    real, fake = (torch.cat(said[name]).mean().item() for name in ("d", "g"))
    assert len(said["g"]) == 3
    assert objective.k.item() == pytest.approx(0.5 * (0.5 * real - fake), rel=1e-5)
    metrics = parts.gan.pop_metrics()
    assert metrics["estimate/convergence"] == pytest.approx(real + abs(0.5 * real - fake), rel=1e-5)
    assert metrics["loss/g"] == pytest.approx(fake, rel=1e-5)


class Halving(Wasserstein):
    """Halves the learning rates after every third iteration."""

    def __init__(self) -> None:
        super().__init__()
        self.lr_interval = 3
        self.register_buffer("updates", torch.tensor(0))
        self.fetched = 0

    def update(self, d: Any, g: Any) -> None:
        self.updates.add_(1)

    def lr_factor(self) -> Tensor:
        self.fetched += 1
        return 0.5 ** (self.updates // 3)


def test_the_objective_has_a_say_in_the_learning_rate() -> None:
    parameter = nn.Parameter(torch.zeros(1))
    optimizers = [torch.optim.SGD([parameter], lr=0.4), torch.optim.SGD([parameter], lr=0.1)]
    objective = Halving()
    rates = LearningRates(Schedule("linear", 100), objective)
    seen = []
    for iteration in range(7):
        rates.set(optimizers, Clock(images=50, iteration=iteration))
        seen.append([optimizer.param_groups[0]["lr"] for optimizer in optimizers])
        objective.update(None, None)
    expected = [[0.2 * factor, 0.05 * factor] for factor in (1, 1, 1, 0.5, 0.5, 0.5, 0.25)]
    torch.testing.assert_close(torch.tensor(seen), torch.tensor(expected))
    assert objective.fetched == 3
    resumed = LearningRates(Schedule("constant", 100), objective)  # between two changes
    resumed.set(optimizers, Clock(iteration=7))
    assert optimizers[0].param_groups[0]["lr"] == pytest.approx(0.4 * 0.25)


def test_began_sets_the_learning_rates_at_the_end_of_its_windows(tiny: Compose) -> None:
    """Steps too small to matter: M only wobbles, so that it soon stalls."""
    rates, factors = [], [1.0]

    class Record(L.Callback):
        def on_train_batch_end(self, trainer: L.Trainer, gan: Any, *arguments: Any) -> None:
            rates.append(gan.optimizers(use_pl_optimizer=False)[1].param_groups[0]["lr"] / 1e-12)
            factors.append(gan.objective.factor.item())

    lr = [f"optimizer.{player}.lr=1e-12" for player in ("generator", "discriminator")]
    fit(tiny("objective=began", "objective.patience=2", *lr, "budget.images=128"), Record())
    assert rates == pytest.approx([factors[2 * (iteration // 2)] for iteration in range(16)])
    assert factors[-1] < 0.1


def test_a_run_whose_rates_were_halved_goes_on_bit_for_bit(tiny: Compose) -> None:
    settings = ["objective=began", "objective.patience=3", "log.every=8"]
    whole = ganlab.train(tiny(*settings, "run.name=whole"))
    crash_after(5, tiny(*settings, "run.name=broken"))
    assert_same_run(whole.path, ganlab.train(tiny(*settings, "run.name=broken")).path)


def test_estimates_are_logged_from_the_last_step(tiny: Compose) -> None:
    run = ganlab.train(tiny("objective=minimax", "penalty=[]", "log.every=8"))
    for line in run.metrics:  # one step a line: the mean of one loss is that loss
        assert line["estimate/jsd"] == pytest.approx(math.log(2) - line["loss/d"] / 2, abs=1e-6)
    assert json.loads((Path(run.path) / "metrics.jsonl").read_text().splitlines()[-1])[
        "estimate/jsd"
    ] <= math.log(2)


def test_the_members_of_packs_are_batches_of_their_own(tiny: Compose) -> None:
    """G's BatchNorm sees n latents at a time, m times; pack i is made of the latents m i to m i + m - 1."""
    words = ["game.packing=3", "data.batch_size=4", "budget.images=12", "penalty=[]"]
    seen: list[int] = []
    parts = build(tiny(*words))
    parts.gan.generator.register_forward_pre_hook(lambda module, inputs: seen.append(len(inputs[0])))
    L.Trainer(**lightning_options(tiny(*words)), logger=False).fit(parts.gan, parts.data)
    assert seen == [4] * 6  # three in D's step, three in G's
    gan = fit(tiny(*words, "network.generator.norm=none"))
    packs = gan._fakes(4, gan._draws("D", 0, 0))
    singles = gan.generator(gan.latent.draw(12, gan._draws("D", 0, 0)))
    assert packs.shape == (4, 3, 8, 8)
    torch.testing.assert_close(packs.flatten(0, 1), singles.squeeze(1))


def test_features_of_the_margin_can_be_named_in_yaml(tiny: Compose) -> None:
    features = "objective.features={'_target_': 'torch.nn.AvgPool2d', kernel_size: 8}"
    gan = fit(tiny("objective=loss_sensitive", features, "budget.images=8"))
    x = torch.randn(3, 1, 8, 8)
    objective: Any = gan.objective
    from ganlab.objectives import Match

    margin = objective.margin(Match(x, torch.zeros_like(x), None, Scores(torch.zeros(3))))
    torch.testing.assert_close(margin, 0.01 * x.mean((1, 2, 3)).abs())
    with pytest.raises(
        ganlab.errors.ConfigError, match=r"objective\.features\.kernel: .* did you mean kernel_size"
    ):
        fit(tiny("objective=loss_sensitive", features.replace("kernel_size", "kernel")))
