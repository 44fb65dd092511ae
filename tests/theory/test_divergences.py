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
from ganlab.theory.distributions import Grid, masses, normalised, pushforward

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


def integrand_of_jsd(x):
    a, b = norm.pdf(x), norm.pdf(x, 3)
    return (a * np.log(2 * a / (a + b)) + b * np.log(2 * b / (a + b))) / 2


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


@pytest.mark.parametrize("reach", [20, 40, 60])
def test_tails_that_underflow_are_not_mass_that_is_missing(reach):
    """N(0, 1) against N(3, 1), and a narrow pair whose masses are the least numbers there are."""
    grid = Grid.line(-reach, reach)
    a, b = grid.masses(norm.pdf), grid.masses(lambda x: norm.pdf(x, 3))
    assert divergences.kl(a, b) == pytest.approx(4.5, rel=1e-9)
    assert divergences.reverse_kl(a, b) == pytest.approx(4.5, rel=1e-9)
    assert divergences.chi_squared(a, b) == pytest.approx(math.exp(9) - 1, rel=1e-9)
    jsd = quad(integrand_of_jsd, -12, 15, epsabs=1e-12, limit=200, points=[0, 1.5, 3])[0]
    assert divergences.jensen_shannon(a, b) == pytest.approx(jsd, rel=1e-9)
    assert optimal.best_value(a, b) == pytest.approx(2 * jsd - 2 * math.log(2), rel=1e-8)
    far = grid.masses(lambda x: norm.pdf(x, 9))
    assert divergences.kl(a, far) == pytest.approx(40.5, rel=1e-9)


def test_the_least_numbers():
    least = [5e-324, 1.0]
    assert divergences.jensen_shannon(least, [0.0, 1.0]) == 0
    assert divergences.kl([0.5, 0.5], [1e-320, 1.0]) == pytest.approx(-math.log(2) - math.log(1e-320) / 2)
    assert divergences.chi_squared([0.5, 0.5], [1e-320, 1.0]) == math.inf  # 2.5e319, beyond float64
    assert divergences.kl([1e-150, 1.0], [0.0, 1.0]) == math.inf


def test_ranges_hold_for_masses_that_miss_one_a_little():
    a, b = np.array([1 + 9e-7, 0]), np.array([0, 1 + 9e-7])
    assert divergences.jensen_shannon(a, b) == math.log(2)
    assert divergences.total_variation(a, b) == 1
    assert divergences.triangular(a, b) == divergences.squared_hellinger(a, b) == 2
    assert optimal.best_value(a, b) == 0
    assert masses([0.5, 0.5 + 9e-7]).sum() == 1
    rng = np.random.default_rng(0)
    for n in range(2, 60):
        apart = np.zeros((2, 2 * n))
        apart[0, :n], apart[1, n:] = rng.dirichlet(np.ones(n), size=2)
        assert divergences.jensen_shannon(*apart) <= math.log(2)
        assert divergences.total_variation(*apart) <= 1


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
    ([[0.5, 0.5]], r"p must be a vector, got an array of shape \[1, 2\]"),
    (["a", "b"], "p must be an array of numbers"),
    ([[0.5], [0.2, 0.3]], "p must be an array of numbers"),
    (0.5, r"p must be a vector, got an array of shape \[\]"),
    ([0.2, 0.3, 0.5], "p has 3 masses and q 2; they must be over the same points"),
]


@pytest.mark.parametrize(("p", "sentence"), BAD)
def test_what_is_no_distribution_is_refused(p, sentence):
    for function in (
        divergences.jensen_shannon, divergences.kl, divergences.reverse_kl, optimal.optimal_discriminator
    ):  # fmt: skip
        with pytest.raises(TheoryError, match=sentence):
            function(p, [0.4, 0.6])


def test_densities_and_discriminators_that_are_none_are_refused():
    with pytest.raises(
        TheoryError, match="q integrates to 2 by the trapezoidal rule on these points, not to one"
    ):
        GRID.masses(lambda x: 2 * norm.pdf(x), name="q")
    with pytest.raises(TheoryError, match="integrates to 0.5"):
        Grid.line(0, 8).masses(norm.pdf)
    with pytest.raises(TheoryError, match=r"one density for each of the 4001 points, got shape \[\]"):
        GRID.masses(lambda x: 1.0)
    with pytest.raises(TheoryError, match="p has values that are not finite"):
        GRID.masses(lambda x: np.where(x == 0, np.inf, norm.pdf(x)))
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
    assert optimal.best_generator(P, np.stack([Q, INSIDE])).index == 1
    for x, edges in (([0.5], [0, 1]), ([0.1, 0.9], [1, 0]), ([0.1, 0.9], [0.5])):
        with pytest.raises(TheoryError, match="two values of G and ascending edges"):
            pushforward(x, edges)
