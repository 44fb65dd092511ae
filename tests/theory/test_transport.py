"""WGAN as a linear program: the best 1-Lipschitz critic reaches the earth mover's distance."""

import numpy as np
import pytest
import torch
from scipy.optimize import linprog
from scipy.stats import norm, wasserstein_distance

from ganlab.objectives import LossSensitive, Match, Scores, Wasserstein


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
