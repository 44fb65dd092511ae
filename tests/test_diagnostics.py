"""What is read off a game: closed forms, autograd by hand, and whole runs that it must leave as they are."""

import json
from collections.abc import Callable

import numpy as np
import pytest
import torch
from omegaconf import DictConfig
from scipy.stats import mannwhitneyu
from torch import Tensor, nn

import ganlab
from ganlab import diagnostics
from ganlab.callbacks import Diagnostics
from ganlab.checkpoints import load_checkpoint
from ganlab.data.mixtures import Ring
from ganlab.networks.layers import normalise_spectrally
from ganlab.objectives import (
    LeastSquares,
    Match,
    Minimax,
    NonSaturating,
    RelativisticPaired,
    Scores,
    Wasserstein,
)
from ganlab.randomness import Draws
from ganlab.ranks import Ranks
from tests.conftest import crash_after
from tests.test_training import assert_same, assert_same_run, without_times

Compose = Callable[..., DictConfig]
GENERATOR = torch.Generator().manual_seed(0)


def draws() -> Draws:
    return Draws("test", generator=torch.Generator())


def test_accuracy_is_the_share_of_pairs_in_order() -> None:
    real, fake = torch.tensor([1.0, 2.0, 5.0]), torch.tensor([0.0, 2.0])
    assert diagnostics.accuracy(real, fake).item() == pytest.approx((1 + 1.5 + 2) / 6)
    assert diagnostics.accuracy(real, fake, "autoencoder").item() == pytest.approx(1.5 / 6)
    a, b = torch.randn(40, generator=GENERATOR), torch.randn(30, generator=GENERATOR) - 0.7
    statistic = mannwhitneyu(a, b).statistic
    assert diagnostics.accuracy(a, b).item() == pytest.approx(statistic / 1200)


def test_accuracy_of_several_batches_is_that_of_each() -> None:
    real, fakes = torch.randn(7, generator=GENERATOR), torch.randn(3, 5, generator=GENERATOR)
    for critic in ("scalar", "autoencoder"):
        expected = torch.stack([diagnostics.accuracy(real, fake, critic) for fake in fakes])
        assert torch.equal(diagnostics.accuracy_of_each(real, fakes, critic), expected)


def test_the_signal_is_what_the_loss_lets_through() -> None:
    values = torch.tensor([-3.0, 0.5, 2.0])
    match = Match(torch.zeros(3, 1), torch.zeros(3, 1), Scores(torch.ones(3)), Scores(values))
    d = values.sigmoid()
    for objective, expected in (
        (Minimax(), d.mean()),
        (NonSaturating(), (1 - d).mean()),
        (Wasserstein(), 1.0),
    ):
        torch.testing.assert_close(diagnostics.signal(objective, match), torch.as_tensor(expected))
    margin = torch.ones(3) - values
    expected = margin.sigmoid().mean()  # of softplus(C(x) - C(G(z))), pair by pair
    torch.testing.assert_close(diagnostics.signal(RelativisticPaired(), match), expected)


def test_kinds_count_modes_that_far_ones_hide_from_a_mean_distance() -> None:
    ring = Ring(n=10)
    real, _ = ring.sample(128, torch.Generator().manual_seed(1))
    two = ring.means[[0, 4]].repeat(64, 1) + 0.01 * torch.randn(
        128, 2, generator=torch.Generator().manual_seed(2)
    )
    found = diagnostics.likeness(real, two)
    assert found["samples"] > 0.7  # the two modes lie opposite each other
    assert found["kinds"] < 0.45
    distances = torch.cdist(real, real)
    width = distances.median() / 2
    similar = [(-((torch.cdist(x, x) / width) ** 2)).exp() for x in (real, two.double())]
    off = [(matrix.sum() - matrix.trace()) / (128 * 127) for matrix in similar]
    torch.testing.assert_close(found["kinds"], off[0] / off[1])
    assert diagnostics.likeness(real, real)["kinds"].item() == pytest.approx(1)


def test_what_is_forgotten_was_known_once() -> None:
    """Batches of fakes whose best accuracy was 0.9, 0.9 and 0.1, held against a D that now scores by the mean."""

    class Gan:
        def __init__(self) -> None:
            self.objective, self.ranks = NonSaturating(), Ranks()

        def discriminator(self, x: Tensor) -> Scores:
            return Scores(x.mean(1))

    watching = Diagnostics(every=8, budget=64, slopes=None)
    watching.past = [torch.full((4, 2), value) for value in (5.0, -5.0, 5.0)]
    watching.known = [torch.tensor(accuracy) for accuracy in (0.9, 0.9, 0.1)]
    found = watching._ask_about_the_past(Gan(), torch.zeros(6))
    assert found["game/forgotten"].item() == pytest.approx(1 / 3)  # the first; the third was never known
    assert found["game/accuracy_past"].item() == pytest.approx(1 / 3)
    assert [known.item() for known in watching.known] == pytest.approx([0.9, 1.0, 0.1])


def test_diversity_compares_mean_distances() -> None:
    real = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]])
    fake = torch.tensor([[1.0, 1.0], [1.0, 2.0]])
    assert diagnostics.diversity(real, fake).item() == pytest.approx(1 / (10 / 3))
    assert diagnostics.likeness(real, fake)["samples"].item() == pytest.approx(1 / (10 / 3))
    assert diagnostics.diversity(real, torch.ones(5, 2)).item() == 0
    assert diagnostics.diversity(torch.ones(4, 2), torch.ones(5, 2)).isfinite()


def test_shift_is_the_distance_of_the_means() -> None:
    real, fake = torch.tensor([[0.0, 0.0], [0.0, 4.0]]), torch.tensor([[3.0, 0.0], [3.0, 12.0], [3.0, 6.0]])
    assert diagnostics.likeness(real, fake)["shift"].item() == pytest.approx(5 / 4)


def test_duplicates_have_a_twin() -> None:
    real = torch.arange(10.0)[:, None]  # nearest others 1 apart
    fake = torch.tensor([0.0, 0.05, 3.0, 3.5, 9.0])[:, None]
    assert diagnostics.likeness(real, fake)["duplicates"].item() == pytest.approx(2 / 5)
    assert diagnostics.likeness(real, real)["duplicates"].item() == 0


class Quadratic(nn.Module):
    def forward(self, x: Tensor) -> Scores:
        return Scores(x.square().sum(1) / 2)  # its gradient is x


def test_slopes_are_norms_of_gradients() -> None:
    real, fake = torch.tensor([[3.0, 4.0], [0.0, 1.0]]), torch.tensor([[6.0, 8.0], [0.0, 3.0]])
    found = diagnostics.slopes(Quadratic(), Match(real, fake, None, Scores(real[:, 0])), draws())
    assert found["real"].item() == pytest.approx(3.0)
    assert found["fake"].item() == pytest.approx(6.5)
    assert found["steepest"].item() == pytest.approx(10.0)
    epsilon = draws().uniform(2, 1)
    expected = (epsilon * real + (1 - epsilon) * fake).norm(dim=1).mean()
    torch.testing.assert_close(found["between"], expected)
    assert not found["between"].requires_grad


def test_singular_values_under_spectral_norm() -> None:
    network = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 1))
    assert diagnostics.largest_singular_value(network) is None
    normalise_spectrally(network)
    network.eval()
    with torch.no_grad():
        # its vectors now lie about it, its value does not
        network[0].parametrizations.weight.original.mul_(3)
        exact = max(torch.linalg.matrix_norm(layer.weight, 2).item() for layer in (network[0], network[2]))
    assert diagnostics.largest_singular_value(network).item() == pytest.approx(exact, rel=0.02)


def test_norms_and_changes() -> None:
    before = [torch.tensor([3.0]), torch.tensor([[0.0, 4.0]])]
    after = [torch.tensor([3.0]), torch.tensor([[1.0, 4.0]])]
    assert diagnostics.norm(before).item() == pytest.approx(5)
    assert diagnostics.relative_change(before, after).item() == pytest.approx(0.2)


def test_the_estimate_of_least_squares() -> None:
    """At D* of two points with masses (0.8, 0.2) and (0.3, 0.7), Delta is exact."""
    p, q = np.array([0.8, 0.2]), np.array([0.3, 0.7])
    delta = ((p - q) ** 2 / (p + q)).sum()
    for a, b in ((0.0, 1.0), (-1.0, 1.0)):
        best = torch.tensor((b * p + a * q) / (p + q))
        x = torch.zeros(10, 1)
        real, fake = best[[0] * 8 + [1] * 2], best[[0] * 3 + [1] * 7]
        found = LeastSquares(a=a, b=b).diagnostics(Match(x, x, Scores(real), Scores(fake)))
        assert found["delta"].item() == pytest.approx(delta)


def test_a_run_is_the_same_with_and_without(tiny: Compose) -> None:
    """Weights bit for bit, under spectral norm, dropout-free; the lines differ by what was added."""
    runs = {}
    for every in (0, 16):
        name = f"run.name=every{every}"
        runs[every] = ganlab.train(tiny("objective=hinge", f"diagnostics.every={every}", name))
    states = [load_checkpoint(run.checkpoint)["state_dict"] for run in runs.values()]
    assert_same(*states)
    plain, sampled = (without_times(run.metrics) for run in runs.values())
    for old, new in zip(plain, sampled, strict=True):
        assert old == {key: new[key] for key in old}
        added = {key.split("/")[0] for key in new.keys() - old.keys()}
        assert added == {"gradient", "update", "weights", "ema", "game", "diversity", "spectral"}
        assert not [key for key in new if "fid" in key]
    assert sampled[-1]["spectral/largest"] == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize(
    "settings",
    [
        ("objective=wgan_gp", "data.batch_size=4", "log.every=24"),
        ("objective=began",),
        ("objective=ebgan", "objective.pretrain_images=24"),
        ("game.packing=2", "data.batch_size=4", "diagnostics.every=24"),
        ("game.order=simultaneous", "trainer.precision=16-mixed"),
        ("network.discriminator.norm=batch", "penalty=[]"),
    ],
    ids=lambda settings: settings[0],
)
def test_every_kind_of_game_is_sampled_and_resumed(tiny: Compose, settings: tuple[str, ...]) -> None:
    settings = (*settings, "budget.images=96", "diagnostics.slopes=true")
    whole = ganlab.train(tiny(*settings, "run.name=whole"))
    crash_after(3, tiny(*settings, "run.name=broken"))
    assert_same_run(whole.path, ganlab.train(tiny(*settings, "run.name=broken")).path)
    last = whole.metrics[-1]
    assert 0 <= last["game/accuracy"] <= 1
    assert last["gradient/g"] > 0
    assert last["update/d"] > 0
    if settings[0] != "network.discriminator.norm=batch":
        assert 0 < last["slope/real"] <= last["slope/steepest"]
        assert 0 <= last["game/accuracy_past"] <= 1
        assert 0 <= last["game/forgotten"] <= 1


def test_the_gradient_is_that_of_the_step(tiny: Compose) -> None:
    """With SGD, no penalty and a step of 1, the update is the gradient."""
    sgd = [f"optimizer.{p}={{_target_: torch.optim.SGD, lr: 0.5}}" for p in ("generator", "discriminator")]
    words = (*sgd, "penalty=[]", "budget.images=8", "log.every=8", "ema.half_life=0")
    run = ganlab.train(tiny(*words))
    (line,) = run.metrics
    from ganlab.parts import build

    before = build(tiny(*words, "run.name=other")).gan
    after = {"g": run.generator(averaged=False), "d": run.discriminator()}
    for player, network in (("g", before.generator), ("d", before.discriminator)):
        size, length = (
            diagnostics.norm([p.detach() for p in weights.parameters()]).item()
            for weights in (network, after[player])
        )
        assert line[f"weights/{player}"] == pytest.approx(length / size, rel=1e-5)
        assert line[f"update/{player}"] == pytest.approx(0.5 * line[f"gradient/{player}"] / size, rel=1e-4)
    assert line["ema/distance"] == 0


def test_nothing_is_sampled_where_it_is_switched_off(tiny: Compose) -> None:
    run = ganlab.train(tiny("diagnostics.every=0"))
    keys = {key.split("/")[0] for line in run.metrics for key in line}
    assert keys == {"images", "iteration", "loss", "score", "penalty", "estimate", "time"}


@pytest.mark.parametrize(
    ("words", "taken"),
    [(("objective=hinge",), False), (("objective=wgan_gp", "log.every=40"), True),
     (("objective=wgan_gp", "log.every=40", "diagnostics.slopes=false"), False)],
)  # fmt: skip
def test_slopes_are_taken_where_the_objective_rests_on_them(
    tiny: Compose, words: tuple[str, ...], taken: bool
) -> None:
    last = ganlab.train(tiny(*words)).metrics[-1]
    assert ("slope/steepest" in last) == taken
    assert json.dumps(last)
