"""Which samples meet in each step of an iteration, against the data order and the draws they should come from."""

from collections.abc import Callable, Iterable
from typing import Any

import lightning as L
import pytest
import torch
from omegaconf import DictConfig
from torch import Tensor

from ganlab.data.order import ShuffledOrder
from ganlab.data.source import to_float
from ganlab.gan import DISCRIMINATOR, GAN
from ganlab.objectives import Match
from ganlab.parts import build
from ganlab.trainer import lightning_options

Compose = Callable[..., DictConfig]
PAIRED = ("objective=rpgan", "penalty=[]", "network.generator.norm=none")


def watched(cfg: DictConfig, *callbacks: L.Callback) -> tuple[GAN, list[Match], list[Match]]:
    """Play; returns the GAN and the matches of all D steps' and of all G steps' micro-batches."""
    parts = build(cfg)
    matches: dict[str, list[Match]] = {"d_loss": [], "g_loss": []}
    for name, seen in matches.items():
        loss = getattr(parts.gan.objective, name)

        def listen(match: Match, loss: Any = loss, seen: list[Match] = seen) -> Tensor:
            seen.append(Match.join([match]))
            return loss(match)

        setattr(parts.gan.objective, name, listen)
    trainer = L.Trainer(**lightning_options(cfg), logger=False, callbacks=list(callbacks))
    trainer.fit(parts.gan, parts.data)
    return parts.gan, matches["d_loss"], matches["g_loss"]


def in_order(cfg: DictConfig, n: int) -> Tensor:
    """The first n samples that a run is shown, as D sees single ones."""
    data = build(cfg).data.source.split("train")
    return to_float(data.x[ShuffledOrder(len(data), seed=cfg.seed)(0, n)], torch.float32)


def check_reals(seen: Iterable[Match], expected: Iterable[Tensor]) -> None:
    for match, real in zip(seen, expected, strict=True):
        assert torch.equal(match.x_real, real)


@pytest.mark.parametrize(("g_real", "of_g"), [("reuse", [2, 3]), ("fresh", [4, 5])])
def test_every_step_sees_its_own_real_samples(tiny: Compose, g_real: str, of_g: list[int]) -> None:
    """Two D steps of two micro-batches; G meets those of the last D step again, or fresh ones."""
    words = ["game.n_critic=2", "game.accumulate=2", f"game.g_real={g_real}", "budget.images=64"]
    cfg = tiny(*PAIRED, *words)
    drawn = 4 if g_real == "reuse" else 6
    gan, d, g = watched(cfg)
    micro = in_order(cfg, 2 * drawn * 8).split(8)
    check_reals(d, [micro[k * drawn + i] for k in range(2) for i in range(4)])
    check_reals(g, [micro[k * drawn + i] for k in range(2) for i in of_g])
    assert (gan.clock.images, gan.clock.position) == (64, 2 * drawn * 8)


def test_every_step_makes_its_own_fakes(tiny: Compose) -> None:
    """G cannot move: fakes differ because their latents do, none of which is drawn twice."""
    words = ["game.n_critic=3", "game.accumulate=2", "optimizer.generator.lr=1e-12", "budget.images=96"]
    gan, d, g = watched(tiny(*PAIRED, *words))
    fakes = torch.cat([match.x_fake for match in [*d, *g]]).flatten(1)
    assert len(fakes) == 2 * (3 + 1) * 2 * 8
    assert torch.pdist(fakes).min() > 1e-4
    gan.clock.iteration = 1
    for k in range(3):
        again = gan._fakes(8, gan._draws("D", k, 1))
        torch.testing.assert_close(d[6 + 2 * k + 1].x_fake, again.detach())


@pytest.mark.parametrize("factor", [1, 3])
def test_g_meets_so_many_times_the_fakes(tiny: Compose, factor: int) -> None:
    cfg = tiny("objective=ragan", "penalty=[]", f"game.g_batch_factor={factor}", "budget.images=8")
    _, (d,), (g,) = watched(cfg)
    assert (len(d.x_real), len(d.x_fake), len(d.fake.value)) == (8, 8, 8)
    assert (len(g.x_real), len(g.x_fake), len(g.fake.value)) == (8, 8 * factor, 8 * factor)
    assert g.real is not None
    assert len(g.real.value) == 8


def test_a_pack_is_of_consecutive_samples(tiny: Compose) -> None:
    cfg = tiny(*PAIRED, "game.packing=3", "data.batch_size=4", "budget.images=24")
    _, d, g = watched(cfg)
    packs = in_order(cfg, 24).unflatten(0, (2, 4, 3)).squeeze(3)  # (steps, packs, their samples, H, W)
    check_reals(d, packs)
    check_reals(g, packs)


def test_weights_are_clipped_after_every_d_step(tiny: Compose) -> None:
    """Steps far beyond the bound, which the weights must be back within when the next gradient is taken."""
    largest = []

    class Record(L.Callback):
        def on_before_optimizer_step(self, trainer: L.Trainer, gan: Any, optimizer: Any) -> None:
            largest.append(max(p.abs().max().item() for p in gan.discriminator.parameters()))

    watched(tiny("objective=wgan", "optimizer.discriminator.lr=0.5", "budget.images=40"), Record())
    assert len(largest) == 5 + 1  # before D's second to fifth step and before G's
    assert largest[1:] == pytest.approx([0.01] * 5)


def test_the_first_phase_shows_d_every_real_sample(tiny: Compose) -> None:
    """Its steps are those of the game, two of two micro-batches each, with the mean of their gradients."""
    seen: list[Tensor] = []
    gradients: list[Tensor] = []

    class Record(L.Callback):
        def on_before_optimizer_step(self, trainer: L.Trainer, gan: Any, optimizer: Any) -> None:
            if gan.clock.pretrained < 64:
                weights = list(gan.discriminator.parameters())
                gradients.append(torch.cat([p.grad.flatten() for p in weights]).clone())
                energy = gan.discriminator(torch.cat(seen[-2:])).value.mean()
                seen.pop()  # what the hook has just noted
                expected = torch.cat([g.flatten() for g in torch.autograd.grad(energy, weights)])
                torch.testing.assert_close(gradients[-1], expected, rtol=1e-4, atol=1e-7)

    cfg = tiny(
        "objective=ebgan", "objective.pretrain_images=64", "game.n_critic=2", "game.accumulate=2",
        "budget.images=32",
    )  # fmt: skip
    parts = build(cfg)
    parts.gan.discriminator.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    L.Trainer(**lightning_options(cfg), logger=False, callbacks=[Record()]).fit(parts.gan, parts.data)
    assert len(gradients) == 4
    assert torch.equal(torch.cat(seen[:8]), in_order(cfg, 64))
    assert parts.gan.clock.position == 64 + 32


def test_accumulated_gradients_are_those_of_the_whole_batch(tiny: Compose) -> None:
    """Without BatchNorm, 2 micro-batches of 4 give both players' steps of one batch of 8 on the same samples
    and latents, with a penalty."""
    z = torch.randn(8, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def gradients(*words: str) -> dict[int, list[Tensor]]:
        cfg = tiny(
            "network.generator.norm=none", "budget.images=8", "trainer.precision=64-true", "penalty=[r1]",
            "penalty.r1.interval=1", *words,
        )  # fmt: skip
        parts, taken = build(cfg), {}
        gan = parts.gan
        chunks = [*z.split(8 // cfg.game.accumulate)] * 2  # D's step, then G's
        gan._fakes = lambda n, draws: gan.generator(chunks.pop(0))

        def optimize(player: int) -> None:
            taken[player] = [p.grad.clone() for p in gan._players_weights[player]]

        gan._optimize = optimize
        L.Trainer(**lightning_options(cfg), logger=False).fit(gan, parts.data)
        return taken

    whole = gradients()
    halves = gradients("game.accumulate=2", "data.batch_size=4")
    for player in whole:
        torch.testing.assert_close(whole[player], halves[player], rtol=1e-12, atol=1e-14)
    assert len(whole[DISCRIMINATOR]) == 4
    assert set(whole) == set(halves) == {0, 1}
