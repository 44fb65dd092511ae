"""The Dirac-GAN: vector fields, eigenvalues, conserved quantities, discrete dynamics: all known."""

import math

import numpy as np
import pytest
import torch

from ganlab.objectives import (
    EBGAN,
    Hinge,
    JensenShannon,
    KullbackLeibler,
    LeastSquares,
    LossSensitive,
    Minimax,
    NonSaturating,
    PearsonChiSquared,
    RelativisticAverage,
    RelativisticPaired,
    ReverseKullbackLeibler,
    SquaredHellinger,
    Wasserstein,
)
from ganlab.penalties import R1, R2, GradientPenalty, OneCentred
from ganlab.theory.dirac import ORDERS, DiracGAN

# rows (theta, psi); psi theta < -1 in the third and > 1 in the last, beyond the corners of hinges
STATES = torch.tensor(
    [[1.3, 0.4], [-0.6, 1.1], [0.7, -2.5], [-2.0, -0.3], [0.2, 0.1], [1.6, 0.9]], dtype=torch.float64
)
ORIGIN = torch.zeros(2, dtype=torch.float64)


def sigma(x):
    return 1 / (1 + np.exp(-x))


def zero_sum(slope):
    """Both players of L_D = -L_G = h(psi theta), h' = slope: an orbit's field."""
    return lambda t, p: (p * slope(p * t), -t * slope(p * t))


FIELDS = {
    "minimax": (Minimax(), zero_sum(sigma)),
    "non-saturating": (NonSaturating(), lambda t, p: (p * sigma(-p * t), -t * sigma(p * t))),
    "label smoothing": (
        NonSaturating(real_label=0.9),  # nothing changes: the data are at 0, where D cannot move
        lambda t, p: (p * sigma(-p * t), -t * sigma(p * t)),
    ),
    "least squares": (LeastSquares(), lambda t, p: (-p * (p * t - 1), -t * p * t)),
    "least squares, Pearson": (
        LeastSquares(a=-1, b=1, c=0),
        lambda t, p: (-p * p * t, -t * (p * t + 1)),
    ),
    "wasserstein": (Wasserstein(), zero_sum(np.ones_like)),
    "hinge": (Hinge(), lambda t, p: (p, -t * (p * t > -1))),
    "kl": (KullbackLeibler(), zero_sum(lambda v: np.exp(v - 1))),
    "reverse kl": (ReverseKullbackLeibler(), zero_sum(np.ones_like)),
    "chi2": (PearsonChiSquared(), zero_sum(lambda v: v / 2 + 1)),
    "hellinger": (SquaredHellinger(), zero_sum(np.exp)),
    "js": (JensenShannon(), zero_sum(sigma)),
    "kl, alternative": (
        KullbackLeibler(generator_loss="alternative"),
        lambda t, p: (p, -t * np.exp(p * t - 1)),
    ),
    "reverse kl, alternative": (
        ReverseKullbackLeibler(generator_loss="alternative"),
        lambda t, p: (p * np.exp(-p * t), -t),
    ),
    "chi2, alternative": (
        PearsonChiSquared(generator_loss="alternative"),
        lambda t, p: (p, -t * (p * t / 2 + 1)),
    ),
    "hellinger, alternative": (
        SquaredHellinger(generator_loss="alternative"),
        lambda t, p: (p * np.exp(-p * t), -t * np.exp(p * t)),
    ),
    "js, alternative": (
        JensenShannon(generator_loss="alternative"),
        lambda t, p: (p * sigma(-p * t), -t * sigma(p * t)),
    ),
    "relativistic": (RelativisticPaired(), lambda t, p: (p * sigma(-p * t), -t * sigma(p * t))),
    "relativistic least squares": (
        RelativisticPaired(cost="least_squares"),
        lambda t, p: (-2 * p * (p * t - 1), -2 * t * (p * t + 1)),
    ),
    "relativistic hinge": (
        RelativisticPaired(cost="hinge"),
        lambda t, p: (p * (p * t < 1), -t * (p * t > -1)),
    ),
    "relativistic average": (
        RelativisticAverage(),  # with one sample a side, twice the paired game
        lambda t, p: (2 * p * sigma(-p * t), -2 * t * sigma(p * t)),
    ),
    "relativistic average least squares": (
        RelativisticAverage(cost="least_squares"),
        lambda t, p: (-4 * p * (p * t - 1), -4 * t * (p * t + 1)),
    ),
    "relativistic average hinge": (
        RelativisticAverage(cost="hinge"),
        lambda t, p: (2 * p * (p * t < 1), -2 * t * (p * t > -1)),
    ),
    "generalised loss-sensitive": (
        LossSensitive(weight=1.5, slope=-0.4, scale=0.5),  # the slope where the margin is met
        lambda t, p: (p, -1.5 * t * np.where(0.5 * np.abs(t) + p * t > 0, 1, -0.4)),
    ),
    "loss-sensitive": (
        LossSensitive(weight=1.5, scale=0.5),
        lambda t, p: (p, -1.5 * t * (0.5 * np.abs(t) + p * t > 0)),
    ),
}


@pytest.mark.parametrize("name", FIELDS)
def test_field_is_the_analytic_one(name):
    objective, formula = FIELDS[name]
    field = DiracGAN(objective).field(STATES)
    expected = np.stack(formula(*STATES.numpy().T), axis=1)
    np.testing.assert_allclose(field.numpy(), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("penalty", "pull"),
    [
        (R1(gamma=0.8), lambda p: 0.8 * p),
        (R2(gamma=0.8), lambda p: 0.8 * p),
        (OneCentred(weight=3.0), lambda p: 6 * (np.abs(p) - 1) * np.sign(p)),
        (GradientPenalty(weight=3.0), lambda p: 6 * (np.abs(p) - 1) * np.sign(p)),
        (
            GradientPenalty(weight=3.0, one_sided=True),
            lambda p: 6 * np.maximum(np.abs(p) - 1, 0) * np.sign(p),
        ),
    ],
    ids=lambda x: type(x).__name__,
)
def test_penalties_pull_at_psi_alone(penalty, pull):
    without = DiracGAN(Wasserstein()).field(STATES)
    change = (DiracGAN(Wasserstein(), [penalty]).field(STATES) - without).numpy()
    np.testing.assert_allclose(change[:, 0], 0)
    np.testing.assert_allclose(change[:, 1], -pull(STATES[:, 1].numpy()), rtol=1e-12)


@pytest.mark.parametrize("objective", [Minimax(), Wasserstein()])
def test_zero_sum_games_conserve_the_radius(objective):
    path = DiracGAN(objective).flow(STATES[[0, 1, 4]], duration=20, steps=250)
    radius = path.square().sum(-1)
    torch.testing.assert_close(radius, radius[:1].expand_as(radius), rtol=1e-5, atol=0)
    assert (path[-1] - path[0]).norm(dim=1).min() > 0.05  # it did move


def test_non_saturating_spirals_in_slower_than_any_exponential():
    """1 / r^2 grows by t / 8, averaging d(r^2)/dt = -2 psi theta tanh(psi theta / 2) over a turn."""
    start = torch.tensor([[0.5, 0.0]], dtype=torch.float64)
    squared = DiracGAN(NonSaturating()).flow(start, duration=400, steps=900).square().sum(-1)[:, 0]
    assert (squared.diff() <= 1e-9).all()
    inverse = 1 / squared
    assert (inverse[-1] - inverse[0]).item() / 400 == pytest.approx(1 / 8, rel=0.01)
    first, second = squared[450] / squared[0], squared[-1] / squared[450]
    assert second > 2 * first  # an exponential would lose the same share in both halves


@pytest.mark.parametrize("gamma", [0.25, 1.0, 3.0])
@pytest.mark.parametrize(
    ("objective", "slope"), [(Minimax(), 0.5), (NonSaturating(), 0.5), (Wasserstein(), 1.0)]
)
def test_eigenvalues_under_r1(objective, slope, gamma):
    """-gamma/2 +- sqrt(gamma^2/4 - f'(0)^2) in the gamma/2 convention: imaginary, critical or real."""
    jacobian = DiracGAN(objective, [R1(gamma=gamma)]).jacobian(ORIGIN)
    root = np.emath.sqrt(gamma**2 / 4 - slope**2)
    expected = sorted([-gamma / 2 + root, -gamma / 2 - root], key=lambda z: (np.real(z), np.imag(z)))
    eigenvalues = sorted(np.linalg.eigvals(jacobian.numpy()), key=lambda z: (np.real(z), np.imag(z)))
    np.testing.assert_allclose(eigenvalues, expected, atol=1e-7)


@pytest.mark.parametrize("objective", [Minimax(), NonSaturating(), Wasserstein(), RelativisticPaired()])
def test_r1_converges_to_the_equilibrium(objective):
    path = DiracGAN(objective, [R1(gamma=0.7)]).flow(STATES[[0, 1]], duration=60, steps=300)
    assert path[-1].norm(dim=1).max() < 1e-4


def test_without_a_penalty_the_eigenvalues_are_imaginary():
    for objective in (Minimax(), NonSaturating(), Wasserstein()):
        eigenvalues = torch.linalg.eigvals(DiracGAN(objective).jacobian(ORIGIN))
        assert eigenvalues.real.abs().max() < 1e-12
        assert eigenvalues.imag.abs().min() >= 0.5


@pytest.mark.parametrize("weight", [0.1, 1.0])
@pytest.mark.parametrize("penalty", [OneCentred, GradientPenalty])
@pytest.mark.parametrize("objective", [Wasserstein(), NonSaturating()])
def test_one_centred_penalties_do_not_converge_to_the_equilibrium(objective, penalty, weight):
    start = torch.tensor([[0.1, 0.1], [1.0, 1.0]], dtype=torch.float64)
    path = DiracGAN(objective, [penalty(weight=weight)]).flow(start, duration=40, steps=300)
    assert path[150:].norm(dim=-1).min() > 0.5


def test_hinge_is_wasserstein_inside_its_corner():
    states = torch.randn(500, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    inside = states.prod(1) > -1
    hinge, wasserstein = (DiracGAN(o).field(states) for o in (Hinge(), Wasserstein()))
    assert torch.equal(hinge[inside], wasserstein[inside])
    assert (hinge[~inside, 1] == 0).all()
    assert (~inside).sum() > 10


def test_who_moves_first():
    """Discrete Wasserstein play: simultaneous steps grow r^2 by 1 + h^2, alternating ones keep an ellipse."""
    h, steps = 0.2, 500
    start = torch.tensor([[1.0, 0.5]], dtype=torch.float64)
    paths = {
        order: DiracGAN(Wasserstein()).play(start, lr=h, steps=steps, order=order)[:, 0] for order in ORDERS
    }
    radius = {order: path.square().sum(1) for order, path in paths.items()}
    growth = (1 + h**2) ** torch.arange(steps + 1, dtype=torch.float64)
    torch.testing.assert_close(radius["simultaneous"], 1.25 * growth)
    for order, sign in (("d_first", -1), ("g_first", 1)):
        conserved = radius[order] + sign * h * paths[order].prod(1)
        torch.testing.assert_close(conserved, conserved[:1].expand_as(conserved))
        assert radius[order].max() < 1.25 * (1 + h) / (1 - h)


def test_an_unknown_order_and_an_autoencoder_are_refused():
    with pytest.raises(ValueError, match="order must be one of"):
        DiracGAN(Wasserstein()).play(STATES, lr=0.1, steps=1, order="alternating")
    with pytest.raises(ValueError, match="EBGAN needs an autoencoder"):
        DiracGAN(EBGAN(margin=1.0))


def test_the_figure_shows_every_game_and_the_order_of_play(tmp_path):
    from ganlab.illustrations.dirac import dirac_figure

    figure = dirac_figure({"minimax": DiracGAN(Minimax())}, start=(0.6, 0.8), duration=2 * math.pi)
    game, orders, key = figure.axes
    assert key.get_ylabel().startswith("speed")
    assert game.get_title() == "minimax"
    theta, psi = game.lines[0].get_data()
    np.testing.assert_allclose(theta**2 + psi**2, 1.0, rtol=1e-6)
    assert [text.get_text() for text in orders.get_legend().get_texts()] == list(ORDERS)
    figure.savefig(tmp_path / "dirac.png")
    assert (tmp_path / "dirac.png").stat().st_size > 10_000
