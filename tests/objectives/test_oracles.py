"""Every loss and its gradient with respect to the scores, in float64, against formulas in NumPy."""

import numpy as np
import pytest
import torch

from ganlab.objectives import (
    BEGAN,
    EBGAN,
    Hinge,
    JensenShannon,
    KullbackLeibler,
    LeastSquares,
    LossSensitive,
    Match,
    Minimax,
    NonSaturating,
    PearsonChiSquared,
    RelativisticAverage,
    RelativisticPaired,
    ReverseKullbackLeibler,
    Scores,
    SquaredHellinger,
    Wasserstein,
)

R = np.array([-1.3, 0.4, 2.1])
F = np.array([0.7, -2.2, 1.5, -0.1])  # another number of fakes: a mean over the wrong side cannot pass
F3 = F[:3]
X_REAL = np.array([[0.5, -1.0], [0.25, 0.0], [-0.75, 1.0]])
X_FAKE = np.array([[0.1, -0.2], [0.5, 1.0], [-1.0, -1.0]])


def sigma(x):
    return 1 / (1 + np.exp(-x))


def mean_of(a, da, b, db):
    """E a(r) + E b(f) with gradients."""
    return a(R).mean() + b(F).mean(), da(R) / len(R), db(F) / len(F)


def g_of(b, db):
    return b(F).mean(), db(F) / len(F)


def minimax_d():
    return mean_of(
        lambda r: np.log1p(np.exp(-r)), lambda r: sigma(r) - 1, lambda f: np.log1p(np.exp(f)), sigma
    )


def smoothed_d(alpha):
    return mean_of(
        lambda r: -alpha * np.log(sigma(r)) - (1 - alpha) * np.log(1 - sigma(r)), lambda r: sigma(r) - alpha,
        lambda f: -np.log(1 - sigma(f)), sigma,
    )  # fmt: skip


def non_saturating_g():
    return g_of(lambda f: -np.log(sigma(f)), lambda f: sigma(f) - 1)


def least_squares(a, b, c):
    d = mean_of(lambda r: (r - b) ** 2 / 2, lambda r: r - b, lambda f: (f - a) ** 2 / 2, lambda f: f - a)
    return d, g_of(lambda f: (f - c) ** 2 / 2, lambda f: f - c)


def f_gan(activation, d_activation, conjugate, d_conjugate, *, alternative=False):
    """From the paper's columns g_f(v) and f*(t): F = E g_f(v) - E f*(g_f(v))."""
    d = mean_of(
        lambda r: -activation(r), lambda r: -d_activation(r),
        lambda f: conjugate(activation(f)), lambda f: d_conjugate(activation(f)) * d_activation(f),
    )  # fmt: skip
    if alternative:
        return d, g_of(lambda f: -activation(f), lambda f: -d_activation(f))
    return d, g_of(
        lambda f: -conjugate(activation(f)), lambda f: -d_conjugate(activation(f)) * d_activation(f)
    )


F_GANS = {
    KullbackLeibler: (lambda v: v, np.ones_like, lambda t: np.exp(t - 1), lambda t: np.exp(t - 1)),
    ReverseKullbackLeibler: (
        lambda v: -np.exp(-v), lambda v: np.exp(-v), lambda t: -1 - np.log(-t), lambda t: -1 / t,
    ),
    PearsonChiSquared: (lambda v: v, np.ones_like, lambda t: t**2 / 4 + t, lambda t: t / 2 + 1),
    SquaredHellinger: (
        lambda v: 1 - np.exp(-v), lambda v: np.exp(-v), lambda t: t / (1 - t), lambda t: 1 / (1 - t) ** 2,
    ),
    JensenShannon: (
        lambda v: np.log(2) - np.log1p(np.exp(-v)), lambda v: sigma(-v),
        lambda t: -np.log(2 - np.exp(t)), lambda t: np.exp(t) / (2 - np.exp(t)),
    ),
}  # fmt: skip

COSTS = {
    "logistic": (lambda m: np.log1p(np.exp(-m)), lambda m: sigma(m) - 1),
    "least_squares": (lambda m: (m - 1) ** 2, lambda m: 2 * (m - 1)),
    "hinge": (lambda m: np.maximum(0, 1 - m), lambda m: -(m < 1).astype(float)),
}


def paired(cost):
    c, dc = COSTS[cost]
    n = len(F3)
    d = c(R - F3).mean(), dc(R - F3) / n, -dc(R - F3) / n
    return d, (c(F3 - R).mean(), dc(F3 - R) / n)


def average(cost):
    """RaGAN: every score also moves the average that the other side is held against."""
    c, dc = COSTS[cost]

    def won(high, low):
        above, below = high - low.mean(), high.mean() - low
        of_high = dc(above) / len(high) + dc(below).mean() / len(high)
        of_low = -dc(below) / len(low) - dc(above).mean() / len(low)
        return c(above).mean() + c(below).mean(), of_high, of_low

    value, of_fake, _ = won(F, R)
    return won(R, F), (value, of_fake)


def loss_sensitive(weight, slope, norm, scale):
    order = {"l1": 1, "l2": 2}[norm]
    a = scale * np.linalg.norm(X_REAL - X_FAKE, ord=order, axis=1) + F3 - R
    n = len(R)
    if slope is None:
        active = (a > 0) * weight / n
        d = -R.mean() + weight * np.maximum(a, 0).mean(), -1 / n - active, active
    else:
        active = np.where(a > 0, 1, slope) * weight / n
        d = weight * np.where(a > 0, a, slope * a).mean(), -active, active
    return d, (-F3.mean(), -np.ones(n) / n)


def ebgan(margin):
    d = mean_of(
        lambda r: r, np.ones_like, lambda f: np.maximum(0, margin - f), lambda f: -(f < margin).astype(float)
    )
    return d, g_of(lambda f: f, np.ones_like)


def hinge():
    d = mean_of(
        lambda r: np.maximum(0, 1 - r), lambda r: -(r < 1).astype(float),
        lambda f: np.maximum(0, 1 + f), lambda f: (f > -1).astype(float),
    )  # fmt: skip
    return d, g_of(lambda f: -f, lambda f: -np.ones_like(f))


def wasserstein():
    d = mean_of(lambda r: -r, lambda r: -np.ones_like(r), lambda f: f, np.ones_like)
    return d, g_of(lambda f: -f, lambda f: -np.ones_like(f))


ORACLES = [
    (Minimax(), (minimax_d(), g_of(lambda f: np.log(1 - sigma(f)), lambda f: -sigma(f)))),
    (NonSaturating(), (minimax_d(), non_saturating_g())),
    (NonSaturating(real_label=0.9), (smoothed_d(0.9), non_saturating_g())),
    (LeastSquares(), least_squares(0, 1, 1)),
    (LeastSquares(a=-1, b=1, c=0), least_squares(-1, 1, 0)),
    (Wasserstein(), wasserstein()),
    (Hinge(), hinge()),
    (EBGAN(margin=1.1), ebgan(1.1)),
    *[(objective(), f_gan(*columns)) for objective, columns in F_GANS.items()],
    *[
        (objective(generator_loss="alternative"), f_gan(*columns, alternative=True))
        for objective, columns in F_GANS.items()
    ],
    *[(RelativisticPaired(cost=cost), paired(cost)) for cost in COSTS],
    *[(RelativisticAverage(cost=cost), average(cost)) for cost in COSTS],
    *[
        (LossSensitive(weight=w, slope=s, norm=p, scale=c), loss_sensitive(w, s, p, c))
        for w, s, p, c in [
            (1.0, None, "l1", 1.0), (2.5, None, "l2", 0.7),
            (1.0, 0.0, "l1", 0.3), (1.5, -1.0, "l2", 1.0), (1.0, 1.0, "l1", 1.0), (1.0, 0.2, "l2", 2.0),
        ]
    ],
]  # fmt: skip


@pytest.mark.parametrize(("objective", "oracle"), ORACLES, ids=lambda o: type(o).__name__)
def test_losses_and_gradients_equal_the_closed_form(objective, oracle):
    (d_value, d_of_real, d_of_fake), (g_value, g_of_fake) = oracle
    real = torch.tensor(R, requires_grad=True)
    fake = torch.tensor(F[: len(d_of_fake)], requires_grad=True)
    match = Match(torch.tensor(X_REAL), torch.tensor(X_FAKE), Scores(real), Scores(fake))
    d_loss, g_loss = objective.d_loss(match), objective.g_loss(match)
    gradients = [*torch.autograd.grad(d_loss, [real, fake]), *torch.autograd.grad(g_loss, [fake])]
    np.testing.assert_allclose([d_loss.item(), g_loss.item()], [d_value, g_value], rtol=1e-13)
    for gradient, expected in zip(gradients, [d_of_real, d_of_fake, g_of_fake], strict=True):
        np.testing.assert_allclose(gradient.numpy(), expected, rtol=1e-12, atol=1e-14)


def test_began_weighs_fakes_by_k():
    objective = BEGAN().double()
    objective.k.fill_(0.3)
    real, fake = torch.tensor(R, requires_grad=True), torch.tensor(F, requires_grad=True)
    match = Match(real, fake, Scores(real), Scores(fake))
    d_loss, g_loss = objective.d_loss(match), objective.g_loss(match)
    assert d_loss.item() == pytest.approx(R.mean() - 0.3 * F.mean(), rel=1e-14)
    assert g_loss.item() == pytest.approx(F.mean(), rel=1e-14)
    of_real, of_fake = torch.autograd.grad(d_loss, [real, fake])
    np.testing.assert_allclose(of_real, np.full(3, 1 / 3))
    np.testing.assert_allclose(of_fake, np.full(4, -0.3 / 4))


TF_GAN_REAL = torch.tensor([-5.0, 1.4, 12.5, 2.7], dtype=torch.float64)
TF_GAN_FAKE = torch.tensor([10.0, 4.4, -5.5, 3.6], dtype=torch.float64)


@pytest.mark.parametrize(
    ("objective", "d_expected", "g_expected"),
    [
        (NonSaturating(real_label=0.875), 6.19637, 1.38582),  # its default smoothing, 0.25 towards 1/2
        (LeastSquares(), 41.73375, 17.69625),
        (Wasserstein(), 0.225, -3.125),
        (Hinge(), 6.75, -3.125),
    ],
    ids=lambda o: type(o).__name__,
)
def test_values_that_tf_gan_publishes(objective, d_expected, g_expected):
    match = Match(TF_GAN_REAL, TF_GAN_FAKE, Scores(TF_GAN_REAL), Scores(TF_GAN_FAKE))
    assert objective.d_loss(match).item() == pytest.approx(d_expected, abs=1e-5)
    assert objective.g_loss(match).item() == pytest.approx(g_expected, abs=1e-5)


def test_the_minimax_generator_value_that_tf_gan_publishes():
    match = Match(TF_GAN_REAL, TF_GAN_FAKE, None, Scores(TF_GAN_FAKE))
    constant = np.log1p(np.exp(-1))  # tf-gan keeps V's first term, for real logits of 1
    assert Minimax().g_loss(match).item() - constant == pytest.approx(-4.82408, abs=1e-5)
