"""Maximum likelihood is minimum KL: a Gaussian mixture fitted to samples, and the two curves."""

import numpy as np
from matplotlib.figure import Figure

from ganlab.illustrations import Illustration
from ganlab.theory.distributions import Grid
from ganlab.theory.divergences import kl
from ganlab.theory.likelihood import LineMixture, fit, negative_log_likelihood

TRUTH = LineMixture(np.array([0.65, 0.35]), np.array([-0.8, 1.9]), np.array([0.9, 0.6]))
START = LineMixture(np.array([0.5, 0.5]), np.array([-0.2, 0.6]), np.array([1.5, 1.5]))
GRID = Grid.line(-8, 8, 1601)
STEPS = 150


def fitting(n: int = 2000, seed: int = 0) -> tuple[np.ndarray, list[LineMixture]]:
    """n samples of `TRUTH`, and the models of every step of expectation maximisation on them."""
    rng = np.random.default_rng(seed)
    k = rng.choice(2, size=n, p=TRUTH.shares)
    x = rng.normal(TRUTH.means[k], TRUTH.stds[k])
    return x, fit(x, START, steps=STEPS)


def likelihood_figure() -> Figure:
    """The fit after some steps, and -log-likelihood against KL(truth || model), which differ by the entropy."""
    x, models = fitting()
    p = GRID.masses(TRUTH.density)
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.hist(x, bins=60, density=True, color="lightgrey", label="2,000 samples")
    left.plot(GRID.points, TRUTH.density(GRID.points), "k:", label="$p_{data}$")
    for step, shade in ((0, 0.35), (15, 0.6), (STEPS, 1.0)):
        left.plot(GRID.points, models[step].density(GRID.points), color="tab:green", alpha=shade,
                  label=f"model after {step} steps")  # fmt: skip
    left.set(xlim=(-4.5, 4.5), xlabel="x", ylabel="density")
    left.legend(fontsize=8)
    entropy = -float((p * TRUTH.log_density(GRID.points)).sum())
    likelihood = np.array([negative_log_likelihood(x, model) for model in models])
    divergence = np.array([kl(p, GRID.masses(model.density)) for model in models])
    right.semilogx(np.arange(STEPS + 1) + 1, likelihood, label="-log-likelihood of the samples")
    right.semilogx(np.arange(STEPS + 1) + 1, divergence + entropy, "--", label="KL(data || model) + H(data)")
    right.axhline(entropy, color="grey", linestyle=":", label="H(data)")
    right.set(xlabel="1 + steps of expectation maximisation", ylabel="nats")
    figure.legend(*right.get_legend_handles_labels(), loc="outside upper right", ncols=3, fontsize=9)
    return figure


ILLUSTRATION = Illustration("maximum likelihood is minimum KL, on a Gaussian mixture", likelihood_figure)
