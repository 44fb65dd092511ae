"""The game itself, played by the real Trainer on tiny networks."""

import copy
import math
from collections.abc import Callable

import lightning as L
import pytest
import torch
from omegaconf import DictConfig
from torch import nn

from ganlab.ema import EMA
from ganlab.gan import GAN
from ganlab.means import RunningMeans
from ganlab.parts import build
from ganlab.ranks import Ranks
from ganlab.schedule import Schedule
from ganlab.trainer import lightning_options

Compose = Callable[..., DictConfig]


def play(cfg: DictConfig, *callbacks: L.Callback) -> GAN:
    parts = build(cfg)
    trainer = L.Trainer(**lightning_options(cfg), logger=False, callbacks=list(callbacks))
    trainer.fit(parts.gan, parts.data)
    return parts.gan


class Watch(L.Callback):
    """Which parameters and buffers each optimizer step and each half of an iteration changes."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, set[str]]] = []

    def on_before_optimizer_step(
        self, trainer: L.Trainer, gan: GAN, optimizer: torch.optim.Optimizer
    ) -> None:
        player = "G" if optimizer is gan.optimizers(use_pl_optimizer=False)[0] else "D"
        with_gradient = {
            name for name, p in gan.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0
        }
        self.steps.append((player, with_gradient))


@pytest.mark.parametrize(
    ("order", "n_critic", "expected"),
    [("d_first", 1, "DG"), ("g_first", 1, "GD"), ("simultaneous", 1, "DG"), ("d_first", 3, "DDDG")],
)
def test_players_move_in_order_and_touch_only_their_own(
    tiny: Compose, order: str, n_critic: int, expected: str
) -> None:
    watch = Watch()
    images = 2 * 8 * n_critic
    gan = play(tiny(f"game.order={order}", f"game.n_critic={n_critic}", f"budget.images={images}"), watch)
    assert "".join(player for player, _ in watch.steps) == expected * 2
    if order != "simultaneous":
        for player, names in watch.steps:
            prefix = {"G": "generator.", "D": "discriminator."}[player]
            assert names == {name for name, _ in gan.named_parameters() if name.startswith(prefix)}
    assert gan.clock.images == images
    assert gan.clock.iteration == 2
    assert gan.clock.position == images


def test_simultaneous_play_takes_both_gradients_at_the_same_weights(tiny: Compose) -> None:
    """G's first step must not see D's: with a huge D learning rate only simultaneous play leaves it alone."""

    def first_g_step(order: str, lr: float) -> torch.Tensor:
        gan = play(tiny(f"game.order={order}", f"optimizer.discriminator.lr={lr}", "budget.images=8"))
        return torch.cat([p.flatten() for p in gan.generator.parameters()])

    assert torch.equal(first_g_step("simultaneous", 1e-4), first_g_step("simultaneous", 1.0))
    assert torch.equal(first_g_step("g_first", 1e-4), first_g_step("g_first", 1.0))
    assert not torch.equal(first_g_step("d_first", 1e-4), first_g_step("d_first", 1.0))


def test_lazy_penalty_counts_for_the_steps_it_is_not_made_at(tiny: Compose) -> None:
    calls = []

    class Counted(nn.Module):
        player, per_sample, interval = "D", True, 4

        def __call__(self, critic: object, match: object, draws: object) -> torch.Tensor:
            calls.append(gan.clock.iteration)
            return torch.tensor(1.5)

    parts = build(tiny("game.n_critic=2", "budget.images=160"))
    gan = parts.gan
    gan.penalties = {"counted": Counted()}
    seen = []
    gan._backward = lambda loss, player: seen.append((player, loss))  # type: ignore[method-assign]
    gan._optimize = lambda player: None  # type: ignore[method-assign]
    trainer = L.Trainer(**lightning_options(tiny()), logger=False)
    trainer.fit(gan, parts.data)
    assert calls == [0, 2, 4, 6, 8]  # every 4th D step is every 2nd iteration of 2 D steps
    assert gan.means.peek(gan.ranks)["penalty/counted"] == 1.5
    d_losses = [loss.item() for player, loss in seen if player == 1]
    with_penalty, without = d_losses[0::4], d_losses[1::4]
    assert min(with_penalty) - max(without) == pytest.approx(4 * 1.5, abs=0.2)


def test_spectral_norm_iterates_in_d_steps_only(tiny: Compose) -> None:
    gan = play(tiny("network.spectral_norm=true", "penalty=[]", "budget.images=8"))
    real = torch.zeros(1, 8, 1, 8, 8)
    buffers = {name: b.clone() for name, b in gan.discriminator.named_buffers()}
    gan._generator_gradients(real)
    assert all(torch.equal(b, buffers[name]) for name, b in gan.discriminator.named_buffers())
    gan._discriminator_gradients(real, 0)
    assert not all(torch.equal(b, buffers[name]) for name, b in gan.discriminator.named_buffers())


def test_singular_values_stay_about_one_while_d_learns(tiny: Compose) -> None:
    """One power iteration a step keeps up with weights that Adam moves, and that have moved far at the end."""
    largest: list[float] = []

    class Record(L.Callback):
        def on_train_batch_end(self, trainer: L.Trainer, gan: GAN, *arguments: object) -> None:
            with gan._frozen_discriminator:  # or reading a weight would be another iteration
                weights = [layer.weight for layer in layers_of(gan)]
            largest.extend(torch.linalg.matrix_norm(w.flatten(1), ord=2).item() for w in weights)

    def layers_of(gan: GAN) -> list[nn.Conv2d | nn.Linear]:
        return [m for m in gan.discriminator.modules() if isinstance(m, nn.Conv2d | nn.Linear)]

    cfg = tiny("objective=hinge", "network=dcgan", "budget.images=1600", "network.discriminator.width=4")
    torch.manual_seed(cfg.seed)
    start = [layer.parametrizations.weight.original.detach().clone() for layer in layers_of(build(cfg).gan)]
    end = [layer.parametrizations.weight.original.detach() for layer in layers_of(play(cfg, Record()))]
    assert len(largest) == 200 * len(start)
    assert min(largest) > 0.95
    assert max(largest) < 1.05
    assert min((b - a).norm() / a.norm() for a, b in zip(start, end, strict=True)) > 0.1


SHIFT_INVARIANT = ("wgan_gp", "hinge")  # at first: adding a constant to D changes nothing


@pytest.mark.parametrize("precision", ["32-true", "64-true", "bf16-mixed", "16-mixed"])
@pytest.mark.parametrize(
    "objective", ["minimax", "non_saturating", "least_squares", "wgan", "wgan_gp", "hinge"]
)
def test_every_objective_takes_a_step_in_every_precision(
    tiny: Compose, objective: str, precision: str
) -> None:
    images = 96 if precision == "16-mixed" else 8  # its first steps are skipped until the scale fits
    cfg = tiny(
        f"objective={objective}",
        f"trainer.precision={precision}",
        "game.n_critic=1",
        f"budget.images={images}",
    )
    parts = build(cfg)
    before = copy.deepcopy(parts.gan.state_dict())
    trainer = L.Trainer(**lightning_options(cfg), logger=False)
    trainer.fit(parts.gan, parts.data)
    means = parts.gan.means.pop(parts.gan.ranks)
    assert {"loss/d", "loss/g", "score/real", "score/fake"} <= means.keys()
    assert all(math.isfinite(value) for value in means.values())
    invariant = {"discriminator.output.bias"} if objective in SHIFT_INVARIANT else set()
    for name, parameter in parts.gan.named_parameters():
        assert name in invariant or not torch.equal(parameter.float(), before[name].float()), (
            f"{name} did not move"
        )
        assert parameter.dtype == (torch.float64 if precision == "64-true" else torch.float32)
    if objective == "wgan":
        assert max(p.abs().max().item() for p in parts.gan.discriminator.parameters()) <= 0.01 + 1e-9


def test_ema_halves_in_its_half_life_and_copies_buffers() -> None:
    average = EMA(half_life=100, rampup=10.0)
    network, target = nn.BatchNorm1d(1), nn.BatchNorm1d(1)
    ema = average.start(network)
    nn.init.constant_(target.weight, 3.0)
    target.running_mean.fill_(7.0)
    update = average.follow(ema, target)
    for _ in range(10):
        update(average.decay(images=1000, step=10), None)
    assert ema.weight.item() == pytest.approx(2.0)  # half way from 1 to 3 after 100 images
    assert ema.running_mean.item() == 7.0
    assert not ema.weight.requires_grad
    assert EMA(half_life=100, rampup=0.05).decay(images=1000, step=50) == pytest.approx(0.5)
    assert EMA(half_life=0).decay(images=1000, step=50) == 0.0


def test_schedules_run_on_images() -> None:
    assert Schedule("constant", 100)(70) == 1
    assert Schedule("linear", 100)(25) == 0.75
    assert Schedule("linear", 100, final=0.2)(150) == pytest.approx(0.2)
    assert Schedule("cosine", 100)(50) == pytest.approx(0.5)
    assert Schedule("cosine", 100, final=0.1)(100) == pytest.approx(0.1)


def test_learning_rates_follow_the_schedule(tiny: Compose) -> None:
    gan = play(tiny("optimizer.schedule=linear", "optimizer.generator.lr=0.4", "budget.images=64"))
    g, d = gan.optimizers(use_pl_optimizer=False)
    assert g.param_groups[0]["lr"] == pytest.approx(0.4 * (1 - 56 / 64))
    assert d.param_groups[0]["lr"] == pytest.approx(d.param_groups[0]["initial_lr"] / 8)


def test_running_means() -> None:
    means = RunningMeans()
    means.update({"a": torch.tensor(1.0), "b": torch.tensor(10.0)})
    means.update({"a": torch.tensor(4.0)})
    copied = RunningMeans()
    copied.load_state_dict(means.state_dict(Ranks()), Ranks())
    assert means.pop(Ranks()) == copied.pop(Ranks()) == {"a": 2.5, "b": 10.0}
    assert means.pop(Ranks()) == {}
