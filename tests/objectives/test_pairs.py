"""Objectives that hold real samples against fakes: relativistic, loss-sensitive; and the f-GAN table."""

import numpy as np
import pytest
import torch

from ganlab.objectives import (
    JensenShannon,
    KullbackLeibler,
    LossSensitive,
    Match,
    PearsonChiSquared,
    RelativisticAverage,
    RelativisticPaired,
    ReverseKullbackLeibler,
    Scores,
    SquaredHellinger,
    Wasserstein,
)
from ganlab.ranks import Ranks

REAL = torch.tensor([-1.3, 0.4, 2.1, 0.2], dtype=torch.float64)
FAKE = torch.tensor([0.7, -2.2, 1.5, -0.1], dtype=torch.float64)


class TwoRanks(Ranks):
    """Two halves of one batch in one process: a mean over ranks is a mean over both halves."""

    size = 2

    def __init__(self, *wholes):
        self.wholes = wholes

    def mean(self, values):
        whole = next(w for w in self.wholes if any(torch.equal(values, half) for half in w.split(2)))
        return whole.mean()


@pytest.mark.parametrize("cost", ["logistic", "least_squares", "hinge"])
@pytest.mark.parametrize("player", ["d_loss", "g_loss"])
def test_relativistic_average_is_the_same_on_one_rank_and_on_two(cost, player):
    real, fake = REAL.clone().requires_grad_(), FAKE.clone().requires_grad_()
    loss = getattr(RelativisticAverage(cost=cost), player)
    whole = loss(Match(real, fake, Scores(real), Scores(fake)))
    ranks = TwoRanks(real, fake)
    halves = [
        loss(Match(r, f, Scores(r), Scores(f), ranks))
        for r, f in zip(real.split(2), fake.split(2), strict=True)
    ]
    both = torch.stack(halves).mean()
    torch.testing.assert_close(both, whole)
    torch.testing.assert_close(
        torch.autograd.grad(both, [real, fake]), torch.autograd.grad(whole, [real, fake])
    )


@pytest.mark.parametrize(
    ("cost", "of"), [("least_squares", lambda m: (m - 1) ** 2), ("hinge", lambda m: max(0, 1 - m))]
)
def test_relativistic_average_of_unequal_sides(cost, of):
    """More fakes than real samples in the G step: each is held against the mean of the other side."""
    real, fake = [-1.3, 0.4], [0.7, -2.2, 1.5]
    match = Match(REAL, FAKE, *(Scores(torch.tensor(side, dtype=torch.float64)) for side in (real, fake)))
    loss = RelativisticAverage(cost=cost).g_loss(match)
    expected = np.mean([of(f - np.mean(real)) for f in fake]) + np.mean([of(np.mean(fake) - r) for r in real])
    assert loss.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("objective", [RelativisticPaired(), RelativisticAverage()])
def test_only_differences_of_scores_matter(objective):
    match = Match(REAL, FAKE, Scores(REAL), Scores(FAKE))
    moved = Match(REAL, FAKE, Scores(REAL + 7), Scores(FAKE + 7))
    torch.testing.assert_close(objective.d_loss(moved), objective.d_loss(match))
    torch.testing.assert_close(objective.g_loss(moved), objective.g_loss(match))


def test_slope_one_has_wgans_gradients():
    gradients = []
    for objective in (LossSensitive(slope=1.0), Wasserstein()):
        real, fake = REAL.clone().requires_grad_(), FAKE.clone().requires_grad_()
        match = Match(REAL[:, None], FAKE[:, None], Scores(real), Scores(fake))
        d = torch.autograd.grad(objective.d_loss(match), [real, fake])
        gradients.append([*d, *torch.autograd.grad(objective.g_loss(match), [fake])])
    torch.testing.assert_close(*gradients)


def test_margin_on_images_in_pixels_and_in_features():
    generator = torch.Generator().manual_seed(1)
    x, y = (torch.randn(2, 3, 4, 4, generator=generator, dtype=torch.float64) for _ in range(2))
    match = Match(x, y, None, Scores(torch.zeros(2)))
    difference = (x - y).numpy().reshape(2, -1)
    l1 = LossSensitive(norm="l1", scale=0.5).margin(match).numpy()
    np.testing.assert_allclose(l1, 0.5 * np.abs(difference).sum(1))
    l2 = LossSensitive(norm="l2").margin(match).numpy()
    np.testing.assert_allclose(l2, np.sqrt((difference**2).sum(1)))
    of_means = LossSensitive(norm="l1", features=lambda images: images.mean((2, 3))).margin(match).numpy()
    np.testing.assert_allclose(of_means, np.abs((x - y).numpy().mean((2, 3))).sum(1))


def test_features_of_the_margin_are_held_fixed():
    norm = torch.nn.BatchNorm1d(1, dtype=torch.float64)
    objective = LossSensitive(features=norm)
    objective.train()  # as the training step's module is
    match = Match(REAL[:, None], FAKE[:, None], None, Scores(FAKE))
    for _ in range(
        2
    ):  # running mean 0 and variance 1: in evaluation mode nothing is normalised, nothing moves
        difference = (REAL - FAKE).abs() / (1 + norm.eps) ** 0.5
        torch.testing.assert_close(objective.margin(match), difference)
    assert norm.running_mean.item() == 0
    assert not any(p.requires_grad for p in objective.parameters())
    assert objective.training
    assert not norm.training


def test_margin_is_a_constant_to_the_players():
    fake = FAKE[:, None].clone().requires_grad_()
    assert not LossSensitive().margin(Match(REAL[:, None], fake, None, Scores(FAKE))).requires_grad


F_OF = {
    KullbackLeibler: lambda u: u * np.log(u),
    ReverseKullbackLeibler: lambda u: -np.log(u),
    PearsonChiSquared: lambda u: (u - 1) ** 2,
    SquaredHellinger: lambda u: (np.sqrt(u) - 1) ** 2,
    JensenShannon: lambda u: u * np.log(u) - (u + 1) * np.log((u + 1) / 2),
}


@pytest.mark.parametrize("objective", F_OF)
def test_conjugate_is_the_supremum_over_u(objective):
    """f*(t) = sup_u t u - f(u), by search over u, at t = g_f(v)."""
    u = np.exp(np.linspace(-12, 12, 400_001))
    value = torch.tensor([-1.5, -0.2, 0.0, 0.6, 1.7], dtype=torch.float64)
    t = objective().output(value).numpy()
    supremum = [np.max(ti * u - F_OF[objective](u)) for ti in t]
    np.testing.assert_allclose(objective().conjugate(value).numpy(), supremum, atol=2e-8)


@pytest.mark.parametrize("objective", F_OF)
def test_output_activation_increases(objective):
    value = torch.linspace(-5, 5, 101, dtype=torch.float64)
    assert (objective().output(value).diff() > 0).all()
