"""Maximum likelihood and the Parzen window: identities, optimisers, scikit-learn's estimator."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.stats import norm
from sklearn.neighbors import KernelDensity

from ganlab.errors import TheoryError
from ganlab.theory.distributions import Grid
from ganlab.theory.divergences import kl
from ganlab.theory.likelihood import LineMixture, fit, negative_log_likelihood
from ganlab.theory.parzen import parzen, parzen_log_likelihood

GRID = Grid.line(-13, 13, 4001)


def p(x):
    return 0.65 * norm.pdf(x, -0.8, 0.9) + 0.35 * norm.pdf(x, 1.9, 0.6)


def mixture(*rows):
    return LineMixture(*np.array(rows, dtype=float).T)


MODEL = mixture((0.4, -1.5, 0.7), (0.6, 1.0, 1.6))


def test_density_of_a_mixture():
    expected = 0.4 * norm.pdf(GRID.points, -1.5, 0.7) + 0.6 * norm.pdf(GRID.points, 1.0, 1.6)
    np.testing.assert_allclose(MODEL.density(GRID.points), expected, rtol=1e-12, atol=1e-300)


def test_likelihood_is_kl_and_the_entropy_of_the_data():
    data = GRID.masses(p)
    likelihood = negative_log_likelihood(GRID.points, MODEL, data)
    entropy = -float((data * np.log(p(GRID.points))).sum())
    assert likelihood == pytest.approx(kl(data, GRID.masses(MODEL.density)) + entropy, rel=1e-9)


def test_every_step_of_em_lowers_the_divergence_and_ends_at_the_truth():
    data = GRID.masses(p)
    models = fit(GRID.points, MODEL, data, steps=400)
    divergences = [kl(data, GRID.masses(model.density)) for model in models[::20]]
    assert (np.diff(divergences) <= 1e-12).all()
    assert divergences[-1] < 1e-6 < divergences[0]
    np.testing.assert_allclose(models[-1].means, [-0.8, 1.9], atol=2e-3)
    np.testing.assert_allclose(models[-1].shares, [0.65, 0.35], atol=2e-3)


def test_the_most_likely_gaussian_minimises_kl_against_a_numerical_optimiser():
    data = GRID.masses(p)

    def divergence(theta):
        return kl(data, GRID.masses(lambda x: norm.pdf(x, theta[0], math.exp(theta[1]))))

    best = minimize(divergence, [0.3, 0.2], method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-12}).x
    (found,) = fit(GRID.points, mixture((1.0, 0.3, 1.2)), data, steps=1)[1:]
    assert found.means[0] == pytest.approx(best[0], abs=1e-5)
    assert found.stds[0] == pytest.approx(math.exp(best[1]), rel=1e-5)


def test_maximum_likelihood_of_samples_comes_near():
    rng = np.random.default_rng(0)
    n = 20_000
    first = rng.random(n) < 0.65
    x = np.where(first, rng.normal(-0.8, 0.9, n), rng.normal(1.9, 0.6, n))
    models = fit(x, MODEL, steps=100)
    values = [negative_log_likelihood(x, model) for model in models[::10]]
    assert (np.diff(values) < 1e-12).all()
    assert kl(GRID.masses(p), GRID.masses(models[-1].density)) < 1e-3


def test_mixtures_that_cannot_be_fitted_are_refused():
    with pytest.raises(TheoryError, match="x has values that are not finite"):
        fit([1.0, math.nan], MODEL)
    with pytest.raises(TheoryError, match="stds has values that are not finite"):
        mixture((0.5, 0.0, 1.0), (0.5, 0.0, math.nan))
    with pytest.raises(TheoryError, match="means has values that are not finite"):
        mixture((0.5, 0.0, 1.0), (0.5, math.inf, 1.0))
    assert LineMixture([1.0, 0.0], [0.0, 9.0], [2.0, 1.0]).density([2.0]) == pytest.approx(norm.pdf(1) / 2)
    with pytest.raises(TheoryError, match="3 weights for 2 numbers"):
        fit([1.0, 2.0], MODEL, [0.2, 0.3, 0.5])
    with pytest.raises(TheoryError, match="positive standard deviations"):
        mixture((1.0, 0.0, 0.0))
    with pytest.raises(TheoryError, match="shares sums to 0.9"):
        mixture((0.9, 0.0, 1.0))
    with pytest.raises(TheoryError, match="shrunk to a point"):
        fit([1.0, 1.0, 1.0], mixture((1.0, 0.0, 1.0)))


def test_parzen_window_against_scikit_learn():
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(700, 3, generator=generator, dtype=torch.float64)
    x = 0.5 + 1.3 * torch.randn(650, 3, generator=generator, dtype=torch.float64)
    expected = KernelDensity(bandwidth=0.37, rtol=0, atol=0).fit(centres).score_samples(x)
    found = parzen_log_likelihood(x, centres, sigma=0.37)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_sigma_is_chosen_on_other_samples_than_those_that_are_scored():
    generator = torch.Generator().manual_seed(1)
    fakes, validation, test = torch.randn(3, 400, 2, generator=generator).unbind()
    chosen = parzen(test, fakes, validation, sigmas=[0.02, 0.3, 5.0])
    assert chosen.sigma == 0.3
    logs = parzen_log_likelihood(test, fakes, sigma=0.3)
    assert chosen.mean == pytest.approx(logs.mean().item())
    assert chosen.standard_error == pytest.approx(logs.numpy().std(ddof=1) / 20)
    assert parzen(test.numpy(), fakes.tolist(), validation, sigmas=[0.02, 0.3, 5.0]) == chosen
    exact = -math.log(2 * math.pi) - 1  # E log N(x; 0, I) in the plane
    assert exact - 0.3 < parzen(test, fakes, validation).mean < exact + 0.15


def test_a_density_has_a_unit():
    """[-1, 1] to the paper's [0, 1]: the same windows, and d log 2 nats more, 543 for the 784 pixels of MNIST."""
    generator = torch.Generator().manual_seed(2)
    test, fakes, validation = (torch.rand(60, 3, 1, 5, generator=generator) * 2 - 1).split(20)
    sigmas = [0.2, 0.4, 0.8, 1.6]
    ours = parzen(test, fakes, validation, sigmas=sigmas)
    halved = parzen(test, fakes, validation, sigmas=[sigma / 2 for sigma in sigmas], scale=0.5)
    papers = parzen(
        (test + 1) / 2, (fakes + 1) / 2, (validation + 1) / 2, sigmas=[sigma / 2 for sigma in sigmas]
    )
    assert halved.mean == pytest.approx(ours.mean + 15 * math.log(2), rel=1e-12)
    assert (halved.mean, halved.sigma) == pytest.approx((papers.mean, papers.sigma), rel=1e-6)
    assert halved.standard_error == pytest.approx(ours.standard_error, rel=1e-9)


def test_the_default_sigmas_are_of_double_precision_and_an_end_is_reported():
    validation = torch.randn(300, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    near = validation + 1e-4
    with pytest.warns(UserWarning, match="is at an end of those tried"):
        chosen = parzen(validation, near, validation)
    assert chosen.sigma == pytest.approx(0.01 * validation.std(0).mean().item(), rel=1e-14)
    assert parzen(validation, near, validation, sigmas=[0.3]).sigma == 0.3  # no choice, no warning


def test_windows_that_do_not_fit_are_refused():
    x = torch.zeros(4, 3)
    with pytest.raises(TheoryError, match="x has 3 dimensions and the centres 2"):
        parzen_log_likelihood(x, torch.zeros(5, 2), sigma=1.0)
    with pytest.raises(TheoryError, match="sigma must be positive"):
        parzen_log_likelihood(x, x, sigma=0.0)
    with pytest.raises(TheoryError, match="centres has values that are not finite"):
        parzen_log_likelihood(x, x / 0, sigma=1.0)
    with pytest.raises(TheoryError, match="centres must be samples of shape"):
        parzen_log_likelihood(x, torch.zeros(0, 3), sigma=1.0)
    with pytest.raises(TheoryError, match="fakes must be samples of shape"):
        parzen(x, torch.zeros(0, 3), x, sigmas=[1.0])
    with pytest.raises(TheoryError, match="validation must be an array of numbers"):
        parzen(x, x, [["a"]])
    with pytest.raises(TheoryError, match="scale must be positive"):
        parzen(x, x, x, scale=0)
