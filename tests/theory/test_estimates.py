"""Two known densities on a line and a D that is free at every grid point: what each objective estimates.

D is found by maximising numerically with the objective's own code; what it should be comes from quadrature.
"""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm

from ganlab.objectives import (
    Hinge,
    JensenShannon,
    KullbackLeibler,
    LeastSquares,
    Match,
    Minimax,
    NonSaturating,
    PearsonChiSquared,
    ReverseKullbackLeibler,
    Scores,
    SquaredHellinger,
)
from ganlab.theory.transport import wasserstein

LOW, HIGH = -9.0, 9.0
GRID = np.linspace(LOW, HIGH, 1201)
STEP = GRID[1] - GRID[0]


def p(x):
    """The data: two unequal bumps."""
    return 0.65 * norm.pdf(x, -0.8, 0.9) + 0.35 * norm.pdf(x, 1.9, 0.6)


def q(x):
    """The generator's: one broad bump, so that no ratio overflows."""
    return norm.pdf(x, 0.4, 1.3)


P, Q = torch.tensor(p(GRID)), torch.tensor(q(GRID))


def integral(f):
    return quad(f, LOW, HIGH, epsabs=1e-12, epsrel=1e-12, limit=200)[0]


def kl(a, b):
    return integral(lambda x: a(x) * np.log(a(x) / b(x)))


def jsd(a, b):
    return (kl(a, lambda x: (a(x) + b(x)) / 2) + kl(b, lambda x: (a(x) + b(x)) / 2)) / 2


def parts(objective, scores):
    """(a(s), b(s)) of d_loss = E_p a(D) + E_q b(D) at every score, up to constants whose sum is 0."""

    def loss(real, fake):
        scored = Match(real[None], fake[None], Scores(real[None]), Scores(fake[None]))
        return objective.d_loss(scored)

    zero = torch.zeros_like(scores[0])
    a = torch.func.vmap(lambda s: loss(s, zero))(scores)
    b = torch.func.vmap(lambda s: loss(zero, s))(scores)
    return a, b - loss(zero, zero)


def expected(objective, scores, p=P, q=Q, step=STEP):
    """d_loss with expectations instead of means over a batch: sums over the grid, exact to rounding here."""
    a, b = parts(objective, scores)
    return step * (p * a + q * b).sum()


def optimal(objective, p=P, q=Q, steps=100):
    """D's scores at the maximum, by Newton's method at every grid point on the objective's derivatives."""
    scores = torch.zeros_like(p)
    share = p / (p + q)
    for _ in range(steps):
        scores.requires_grad_()
        a, b = parts(objective, scores)
        (slope,) = torch.autograd.grad((share * a + (1 - share) * b).sum(), scores, create_graph=True)
        (curvature,) = torch.autograd.grad(slope.sum(), scores)
        scores = (scores - (slope / curvature).clamp(-1, 1)).detach()
    return scores


def test_minimax_finds_the_optimal_discriminator_and_the_jsd():
    scores = optimal(Minimax())
    np.testing.assert_allclose(scores.sigmoid(), P / (P + Q), rtol=1e-9, atol=1e-12)
    value = -expected(Minimax(), scores).item()
    divergence = jsd(p, q)
    assert 0 < divergence < math.log(2)
    assert value == pytest.approx(-2 * math.log(2) + 2 * divergence, rel=1e-9)


def test_one_sided_smoothing_scales_the_optimal_discriminator():
    scores = optimal(NonSaturating(real_label=0.9))
    np.testing.assert_allclose(scores.sigmoid(), 0.9 * P / (P + Q), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "objective",
    [
        Minimax(),
        NonSaturating(),
        NonSaturating(real_label=0.8),
        LeastSquares(),
        LeastSquares(a=-0.5, b=2.0, c=0.1),
    ],
)
def test_the_optimum_that_an_objective_names_is_the_one_that_is_found(objective):
    found = objective.output(optimal(objective))
    np.testing.assert_allclose(found, objective.optimal_output(3 * P, 3 * Q), rtol=1e-9, atol=1e-12)
    nowhere = torch.zeros(1, dtype=torch.float64)
    assert objective.optimal_output(nowhere, nowhere).isfinite().all()


def test_an_optimum_that_is_not_unique_or_not_finite_is_not_named():
    for objective in (Hinge(), JensenShannon(), KullbackLeibler(), SquaredHellinger()):
        assert objective.optimal_output(P, Q) is None


@pytest.mark.parametrize(
    ("objective", "ratio_derivative", "divergence"),
    [
        (KullbackLeibler(), lambda u: np.log(u) + 1, lambda: kl(p, q)),
        (ReverseKullbackLeibler(), lambda u: -1 / u, lambda: kl(q, p)),
        (PearsonChiSquared(), lambda u: 2 * (u - 1), lambda: integral(lambda x: (p(x) - q(x)) ** 2 / q(x))),
        (
            SquaredHellinger(),
            lambda u: 1 - 1 / np.sqrt(u),
            lambda: integral(lambda x: (np.sqrt(p(x)) - np.sqrt(q(x))) ** 2),
        ),
        (JensenShannon(), lambda u: np.log(2 * u / (u + 1)), lambda: 2 * jsd(p, q)),
    ],
    ids=lambda o: type(o).__name__,
)
def test_f_gans_reach_their_divergence(objective, ratio_derivative, divergence):
    """At the optimum T = f'(p/q) and the bound is the divergence, p the data."""
    scores = optimal(objective)
    np.testing.assert_allclose(
        objective.output(scores), ratio_derivative((P / Q).numpy()), rtol=1e-7, atol=1e-9
    )
    assert -expected(objective, scores).item() == pytest.approx(divergence(), rel=1e-8)


@pytest.mark.parametrize(("a", "b"), [(0.0, 1.0), (-1.0, 1.0), (2.0, -0.5)])
def test_least_squares(a, b):
    objective = LeastSquares(a=a, b=b, c=b)
    scores = optimal(objective)
    np.testing.assert_allclose(scores, (b * P + a * Q) / (P + Q), rtol=1e-9, atol=1e-12)
    delta = integral(lambda x: (p(x) - q(x)) ** 2 / (p(x) + q(x)))
    assert expected(objective, scores).item() == pytest.approx((b - a) ** 2 / 4 * (1 - delta / 2), rel=1e-9)


def g_value(objective, scores, density):
    """E g_loss over a density."""
    of = torch.func.vmap(lambda s: objective.g_loss(Match(s[None], s[None], None, Scores(s[None]))))
    return STEP * (density * of(scores)).sum().item()


def test_only_the_pearson_setting_gives_g_the_papers_chi_squared():
    """chi^2(p + q || 2q) = int (2q - (p + q))^2 / (p + q), with the term E_p (D - c)^2 / 2 of the paper."""
    chi_squared = integral(lambda x: (q(x) - p(x)) ** 2 / (p(x) + q(x)))
    pearson = LeastSquares(a=-1, b=1, c=0)
    scores = optimal(pearson)
    with_p = g_value(pearson, scores, Q) + g_value(pearson, scores, P)
    assert 2 * with_p == pytest.approx(chi_squared, rel=1e-9)
    # as it is trained, without it
    assert 2 * g_value(pearson, scores, Q) != pytest.approx(chi_squared, rel=0.05)
    default = LeastSquares()
    scores = optimal(default)
    assert 2 * (g_value(default, scores, Q) + g_value(default, scores, P)) != pytest.approx(
        chi_squared, rel=0.05
    )


def test_hinge_finds_the_total_variation():
    # piecewise linear: search, do not differentiate
    candidates = torch.linspace(-2, 2, 81, dtype=torch.float64)
    a, b = parts(Hinge(), candidates)
    best = (P[:, None] * a + Q[:, None] * b).argmin(1)
    scores = candidates[best]
    decided = (P - Q).abs() > 1e-6
    assert torch.equal(scores[decided], (P - Q).sign()[decided])
    crossings = GRID[:-1][np.diff(np.sign((P - Q).numpy())) != 0]
    total_variation = quad(lambda x: abs(p(x) - q(x)) / 2, LOW, HIGH, points=crossings, limit=400)[0]
    assert expected(Hinge(), scores).item() == pytest.approx(2 * (1 - total_variation), abs=2e-5)


@pytest.mark.parametrize("steps", [5, 15, 100, 2000])
def test_jsd_of_disjoint_supports_is_log_2_at_any_distance_while_w1_grows(steps):
    """Two equal bars of 11 points on one grid, moved apart: they share 11 - steps points, then none."""
    spacing = 0.1
    p, q = torch.zeros(2, steps + 11, dtype=torch.float64)
    p[:11], q[steps:] = 1 / 11, 1 / 11
    x = spacing * np.arange(steps + 11)
    here = p + q > 0  # D's value means nothing where neither is
    p, q, x = p[here], q[here], x[here.numpy()]
    value = -expected(Minimax(), optimal(Minimax(), p, q), p, q, step=1.0).item()
    assert value / 2 + math.log(2) == pytest.approx(math.log(2) * min(steps, 11) / 11, rel=1e-6)
    assert wasserstein(x, x, p, q).distance == pytest.approx(spacing * steps)


def test_a_free_d_separates_two_samples_of_one_distribution():
    """The estimate from finite samples says log 2, the truth is 0: what regularising D is for."""
    real, fake = torch.randn(2, 300, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    table = torch.zeros(600, dtype=torch.float64, requires_grad=True)  # D: one free score for every point
    for _ in range(100):
        match = Match(real, fake, Scores(table[:300]), Scores(table[300:]))
        (slope,) = torch.autograd.grad(Minimax().d_loss(match), table)
        table = (table - 3000 * slope).detach().requires_grad_()
    assert (table[:300] > 0).all()
    assert (table[300:] < 0).all()
    assert Minimax().diagnostics(match)["jsd"].item() == pytest.approx(math.log(2), abs=2e-3)
