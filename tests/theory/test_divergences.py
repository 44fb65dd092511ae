"""Divergences, the optimal discriminator and the value of the game: quadrature, closed forms, brute force."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy as scipy_entropy
from scipy.stats import norm

from ganlab.errors import TheoryError
from ganlab.theory import divergences, optimal
from ganlab.theory.distributions import Grid, normalised

GRID = Grid.line(-12, 12, 4001)
P = np.array([0.5, 0.2, 0.0, 0.3])
Q = np.array([0.1, 0.4, 0.25, 0.25])
INSIDE = np.array([0.7, 0.3, 0.0, 0.0])  # Q has mass everywhere that it has


def p(x):
    return 0.65 * norm.pdf(x, -0.8, 0.9) + 0.35 * norm.pdf(x, 1.9, 0.6)


def q(x):
    return norm.pdf(x, 0.4, 1.3)


def integral(f):
    return quad(f, -12, 12, epsabs=1e-12, epsrel=1e-12, limit=300, points=[-0.8, 0.4, 1.9])[0]


INTEGRANDS = {
    "kl": lambda x: p(x) * np.log(p(x) / q(x)),
    "reverse_kl": lambda x: q(x) * np.log(q(x) / p(x)),
    "jensen_shannon": lambda x: (
        p(x) * np.log(2 * p(x) / (p(x) + q(x))) + q(x) * np.log(2 * q(x) / (p(x) + q(x)))
    ) / 2,
    "chi_squared": lambda x: (p(x) - q(x)) ** 2 / q(x),
    "squared_hellinger": lambda x: (np.sqrt(p(x)) - np.sqrt(q(x))) ** 2,
    "triangular": lambda x: (p(x) - q(x)) ** 2 / (p(x) + q(x)),
}  # fmt: skip


@pytest.mark.parametrize("name", INTEGRANDS)
def test_of_densities_against_quadrature(name):
    found = getattr(divergences, name)(GRID.masses(p), GRID.masses(q))
    assert found == pytest.approx(integral(INTEGRANDS[name]), rel=1e-9)


def test_total_variation_of_two_gaussians():
    """TV(N(0, s), N(d, s)) = 2 Phi(d / 2s) - 1."""
    grid = Grid.line(-10, 11, 40001)
    a, b = grid.masses(lambda x: norm.pdf(x, 0, 0.7)), grid.masses(lambda x: norm.pdf(x, 1.1, 0.7))
    assert divergences.total_variation(a, b) == pytest.approx(2 * norm.cdf(1.1 / 1.4) - 1, rel=1e-6)


def test_total_variation_is_the_greatest_difference_of_one_event():
    events = [[i for i in range(4) if bits >> i & 1] for bits in range(16)]
    greatest = max(abs(P[event].sum() - Q[event].sum()) for event in events)
    assert divergences.total_variation(P, Q) == pytest.approx(greatest, rel=1e-14)


def test_kl_of_two_gaussians():
    """log(s2/s1) + (s1^2 + d^2) / (2 s2^2) - 1/2; the other way round it is another number."""
    a, b = GRID.masses(lambda x: norm.pdf(x, 0, 0.8)), GRID.masses(lambda x: norm.pdf(x, 0.5, 1.2))
    forward = math.log(1.2 / 0.8) + (0.64 + 0.25) / (2 * 1.44) - 0.5
    backward = math.log(0.8 / 1.2) + (1.44 + 0.25) / (2 * 0.64) - 0.5
    assert divergences.kl(a, b) == pytest.approx(forward, rel=1e-10)
    assert divergences.reverse_kl(a, b) == pytest.approx(backward, rel=1e-10)


def test_of_histograms_against_scipy():
    assert divergences.kl(P, Q) == pytest.approx(scipy_entropy(P, Q), rel=1e-14)
    assert divergences.jensen_shannon(P, Q) == pytest.approx(jensenshannon(P, Q) ** 2, rel=1e-13)
    assert divergences.entropy(P) == pytest.approx(scipy_entropy(P), rel=1e-14)


def test_where_one_lacks_mass_that_the_other_has():
    assert divergences.kl(Q, P) == math.inf
    assert divergences.reverse_kl(P, Q) == math.inf
    assert divergences.chi_squared(Q, P) == math.inf
    assert divergences.kl(INSIDE, Q) == pytest.approx(0.7 * math.log(7) + 0.3 * math.log(0.75), rel=1e-14)
    expected = 0.36 / 0.1 + 0.01 / 0.4 + 0.25 + 0.25
    assert divergences.chi_squared(INSIDE, Q) == pytest.approx(expected, rel=1e-13)


def test_jsd_of_disjoint_supports_is_log_2_and_never_more():
    apart = np.array([0.4, 0.6, 0, 0]), np.array([0, 0, 0.9, 0.1])
    assert divergences.jensen_shannon(*apart) == pytest.approx(math.log(2), rel=1e-15)
    assert divergences.triangular(*apart) == pytest.approx(2)
    assert divergences.squared_hellinger(*apart) == pytest.approx(2)
    assert divergences.total_variation(*apart) == 1
    assert divergences.jensen_shannon(P, P) == 0


def test_optimal_discriminator_is_the_best_of_many():
    d = optimal.optimal_discriminator(P, Q)
    np.testing.assert_allclose(d, [5 / 6, 1 / 3, 0, 0.3 / 0.55])
    best = optimal.value(P, Q, d)
    assert best == pytest.approx(-2 * math.log(2) + 2 * divergences.jensen_shannon(P, Q), rel=1e-14)
    assert optimal.best_value(P, Q) == pytest.approx(best, rel=1e-14)
    rng = np.random.default_rng(0)
    for scale in (0.3, 0.01):
        others = np.clip(d + scale * rng.standard_normal((200, 4)), 0, 1)
        assert max(optimal.value(P, Q, other) for other in others) < best
    assert optimal.value(P, P, np.full(4, 0.5)) == pytest.approx(-2 * math.log(2), rel=1e-15)
    assert optimal.optimal_discriminator([1.0, 0.0], [1.0, 0.0])[1] == 0.5  # where neither has mass


def test_distance_to_the_optimal_discriminator():
    d = optimal.optimal_discriminator(P, Q)
    assert optimal.distance_to_optimal(P, Q, d) == 0
    off = d.copy()
    off[2] += 0.5  # where (p + q) / 2 = 0.125
    assert optimal.distance_to_optimal(P, Q, off) == pytest.approx(0.5 * math.sqrt(0.125))


def test_the_best_of_three_generators_has_the_smallest_jsd():
    grid = Grid.line(-8, 9)
    data = grid.masses(lambda x: norm.pdf(x, 0, 1))
    generators = [grid.masses(lambda x, m=m: norm.pdf(x, m, 1)) for m in (-1.5, 2.5, 0.7)]
    best = optimal.best_generator(data, generators)
    assert best.index == 2
    for g, v in zip(generators, best.values, strict=True):
        assert v == pytest.approx(optimal.value(data, g, optimal.optimal_discriminator(data, g)), rel=1e-9)


BAD = [
    ([0.5, 0.6], "p sums to 1.1, not to one"),
    ([], "p is empty"),
    ([1.5, -0.5], "p is negative somewhere, least -0.5"),
    ([math.nan, 1.0], "p has values that are not finite"),
    ([[0.5, 0.5]], r"p must be a vector of masses, got an array of shape \[1, 2\]"),
    ([0.2, 0.3, 0.5], "p has 3 masses and q 2; they must be over the same points"),
]


@pytest.mark.parametrize(("p", "sentence"), BAD)
def test_what_is_no_distribution_is_refused(p, sentence):
    for function in (divergences.jensen_shannon, divergences.kl, optimal.optimal_discriminator):
        with pytest.raises(TheoryError, match=sentence):
            function(p, [0.4, 0.6])


def test_densities_and_discriminators_that_are_none_are_refused():
    with pytest.raises(TheoryError, match="q sums to 2, not to one"):
        GRID.masses(lambda x: 2 * norm.pdf(x), name="q")
    with pytest.raises(TheoryError, match="sums to 0.5"):
        Grid.line(0, 8).masses(norm.pdf)
    with pytest.raises(TheoryError, match="low < high"):
        Grid.line(3, 3)
    with pytest.raises(TheoryError, match="p cannot be normalised: its sum is 0"):
        normalised([0, 0, 0])
    with pytest.raises(TheoryError, match=r"probability in \[0, 1\]"):
        optimal.value(P, Q, [0.1, 0.2, 1.3, 0.5])
    with pytest.raises(TheoryError, match="at each of the 4 points"):
        optimal.value(P, Q, [0.1, 0.2])
    with pytest.raises(TheoryError, match="no generator"):
        optimal.best_generator(P, [])
