"""Optimal transport against linear programs and brute force, and WGAN as the dual program."""

import itertools

import numpy as np
import pytest
import torch
from scipy.optimize import linprog
from scipy.stats import norm, wasserstein_distance

from ganlab.errors import TheoryError
from ganlab.objectives import LossSensitive, Match, Scores, Wasserstein
from ganlab.theory.transport import best_critic as potential
from ganlab.theory.transport import duality_gap, wasserstein, wasserstein_line


def histogram(x, *, mean, std):
    mass = norm.pdf(x, mean, std)
    return mass / mass.sum()


def d_loss_weights(objective, x, p, q):
    """d_loss is linear in D's values on the grid; its coefficients, from the objective's own gradient."""
    real, fake = torch.zeros(2, len(x), dtype=torch.float64).unbind()
    points = torch.tensor(x)[:, None]
    match = Match(points, points, Scores(real.requires_grad_()), Scores(fake.requires_grad_()))
    of_real, of_fake = torch.autograd.grad(objective.d_loss(match), [real, fake])
    return len(x) * (p * of_real.numpy() + q * of_fake.numpy())


def best_critic(x, p, q):
    """max E_p D - E_q D over |D(x_i) - D(x_j)| <= |x_i - x_j|, all pairs: (value, D)."""
    i, j = np.triu_indices(len(x), k=1)
    rows = np.zeros((len(i), len(x)))
    rows[np.arange(len(i)), i], rows[np.arange(len(i)), j] = 1, -1
    distances = np.abs(x[i] - x[j])
    weights = d_loss_weights(Wasserstein(), x, p, q)
    bounds = [(0, 0)] + [(None, None)] * (len(x) - 1)  # D is free up to a constant
    solution = linprog(
        weights, A_ub=np.vstack([rows, -rows]), b_ub=np.tile(distances, 2), bounds=bounds, method="highs"
    )
    assert solution.success
    return -solution.fun, solution.x


def cheapest_plan(x, p, q):
    """The primal: min over transport plans of the mass times the distance."""
    n = len(x)
    cost = np.abs(x[:, None] - x[None, :]).flatten()
    marginals = np.vstack([np.kron(np.eye(n), np.ones(n)), np.kron(np.ones(n), np.eye(n))])
    solution = linprog(cost, A_eq=marginals, b_eq=np.concatenate([p, q]), bounds=(0, None), method="highs")
    assert solution.success
    return solution.fun


@pytest.fixture(scope="module")
def game():
    x = np.linspace(-4, 5, 37)
    return x, histogram(x, mean=-0.7, std=0.8), histogram(x, mean=1.4, std=1.1)


def test_the_value_is_the_earth_movers_distance(game):
    x, p, q = game
    value, critic = best_critic(*game)
    exact = wasserstein_distance(x, x, p, q)
    assert value == pytest.approx(exact, rel=1e-9)
    assert np.abs(np.diff(critic) / np.diff(x)).max() <= 1 + 1e-9
    assert p @ critic - q @ critic == pytest.approx(exact, rel=1e-9)


def test_the_duality_gap_is_zero(game):
    assert cheapest_plan(*game) == pytest.approx(best_critic(*game)[0], rel=1e-8)


def test_the_distance_of_a_shift_is_the_shift():
    x = np.arange(0.0, 30.0)
    p = np.zeros(30)
    p[:5] = [0.1, 0.3, 0.2, 0.25, 0.15]
    values = [best_critic(x, p, np.roll(p, shift))[0] for shift in (5, 10, 20)]
    np.testing.assert_allclose(values, [5, 10, 20], rtol=1e-9)  # disjoint supports, where the JSD is log 2


def test_the_w1_diagnostic_is_the_value():
    real, fake = torch.tensor([2.0, 3.0]), torch.tensor([0.5, 1.0])
    match = Match(real, fake, Scores(real), Scores(fake))
    assert Wasserstein().diagnostics(match)["w1"].item() == pytest.approx(1.75)


def test_generalised_loss_sensitive_with_slope_one_is_the_same_program(game):
    weights = [d_loss_weights(o, *game) for o in (Wasserstein(), LossSensitive(slope=1.0))]
    np.testing.assert_allclose(*weights, atol=1e-14)


def brute_force(x, y, order):
    """The best of all pairings of as many points with equal masses (Birkhoff: a plan is optimal there)."""
    costs = np.linalg.norm(x[:, None] - y[None], axis=2) ** order
    pairings = itertools.permutations(range(len(x)))
    return min(costs[range(len(x)), pairing].mean() for pairing in pairings) ** (1 / order)


@pytest.mark.parametrize("order", [1, 2])
def test_distance_and_plan_against_all_pairings(order):
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(6, 2)), 0.5 + 2 * rng.normal(size=(6, 2))
    found = wasserstein(x, y, order=order)
    assert found.distance == pytest.approx(brute_force(x, y, order), rel=1e-12)
    np.testing.assert_allclose(found.plan.sum(0), 1 / 6)
    np.testing.assert_allclose(found.plan.sum(1), 1 / 6)
    u, v = found.potentials
    costs = np.linalg.norm(x[:, None] - y[None], axis=2) ** order
    assert (u[:, None] + v <= costs + 1e-12).all()
    assert (u.mean() + v.mean()) ** (1 / order) == pytest.approx(found.distance, rel=1e-12)


def test_weighted_histograms_against_the_linear_program_and_scipy(game):
    x, p, q = game
    assert wasserstein(x, x, p, q).distance == pytest.approx(cheapest_plan(x, p, q), rel=1e-9)
    assert wasserstein_line(x, p, q) == pytest.approx(wasserstein_distance(x, x, p, q), rel=1e-12)


def test_w2_of_samples_on_the_line_pairs_them_in_order():
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=40), 1 + 3 * rng.normal(size=40)
    expected = np.sqrt(((np.sort(x) - np.sort(y)) ** 2).mean())
    assert wasserstein(x, y, order=2).distance == pytest.approx(expected, rel=1e-12)


def test_w1_of_a_shift_is_the_shift_in_any_direction():
    x = np.random.default_rng(1).normal(size=(30, 3))
    assert wasserstein(x, x + np.array([2.0, -1.0, 2.0])).distance == pytest.approx(3.0, rel=1e-12)


def test_the_best_critic_has_no_duality_gap_and_another_one_has():
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=(25, 2)), [0.7, 0.0] + 0.6 * rng.normal(size=(31, 2))
    b = rng.dirichlet(np.ones(31))
    b[[3, 8]] = 0
    b /= b.sum()
    best = duality_gap(potential(x, y, b=b), x, y, b=b)
    assert best.lipschitz == pytest.approx(1, abs=1e-9)
    assert best.gap == pytest.approx(0, abs=1e-9)
    # 3-Lipschitz along the line, less across
    linear = duality_gap(-3 * np.concatenate([x, y])[:, 0], x, y, b=b)
    assert linear.lipschitz == pytest.approx(3, rel=0.01)
    assert linear.bound == pytest.approx((b @ y[:, 0] - x[:, 0].mean()), rel=0.01)
    assert 0 < linear.gap == linear.distance - linear.bound
    assert duality_gap(np.ones(56), x, y).bound == 0


def test_what_cannot_be_transported_is_refused():
    x, y = np.zeros((3, 2)), np.zeros((4, 3))
    with pytest.raises(TheoryError, match="x has 2 dimensions and y 3; they must agree"):
        wasserstein(x, y)
    with pytest.raises(TheoryError, match="x has values that are not finite"):
        wasserstein([0.0, np.inf], [1.0])
    with pytest.raises(TheoryError, match="y must be samples of shape"):
        wasserstein([0.0], [])
    with pytest.raises(TheoryError, match="a has 2 masses for 3 points"):
        wasserstein(x, x, a=[0.5, 0.5])
    with pytest.raises(TheoryError, match="order must be 1 or 2"):
        wasserstein(x, x, order=3)
    with pytest.raises(TheoryError, match="ascending"):
        wasserstein_line([1.0, 0.0], [0.5, 0.5], [0.5, 0.5])
    with pytest.raises(TheoryError, match="x has values that are not finite"):
        wasserstein_line([0.0, np.nan], [0.5, 0.5], [0.5, 0.5])
    with pytest.raises(TheoryError, match="x must be an array of numbers"):
        wasserstein([[0.0], [1.0, 2.0]], [1.0])
    with pytest.raises(TheoryError, match="one value for each of the 6 points"):
        duality_gap([1.0, 2.0], x, x)
    with pytest.raises(TheoryError, match="the critic has values that are not finite"):
        duality_gap([1.0, np.inf], [0.0], [1.0])
    with pytest.raises(TheoryError, match="two values at one point"):
        duality_gap([1.0, 2.0], [0.0], [0.0])
