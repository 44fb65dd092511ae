"""G* = argmin_G max_D V(G, D) over three generators, as lectures draw it."""

import numpy as np
from matplotlib.figure import Figure

from ganlab.illustrations import Illustration
from ganlab.theory.distributions import Grid
from ganlab.theory.divergences import LOG_2
from ganlab.theory.optimal import BestGenerator, best_generator, value

MEANS = (-1.5, 0.6, 2.5)  # of the three generators N(m, 1); the data are N(0, 1)
GRID = Grid.line(-9, 10, 1501)
SLOPES = np.linspace(-3.5, 2.5, 121)


def gaussian(mean: float) -> np.ndarray:
    """Masses of N(mean, 1) on the grid."""
    return GRID.masses(lambda x: np.exp(-((x - mean) ** 2) / 2) / np.sqrt(2 * np.pi))


def discriminator(slope: float, mean: float) -> np.ndarray:
    """D(x) = sigmoid(slope (x - mean / 2)), which at slope = -mean is D* against the generator N(mean, 1)."""
    return 1 / (1 + np.exp(-slope * (GRID.points - mean / 2)))


def winner() -> BestGenerator:
    return best_generator(gaussian(0), [gaussian(mean) for mean in MEANS])


def argmin_figure() -> Figure:
    """V against a family of discriminators that holds D*, for each generator; the lowest of the peaks wins."""
    best = winner()
    figure = Figure(figsize=(11, 5), layout="constrained")
    axes = figure.subplots(2, 3, sharey="row", height_ratios=[1, 2])
    p = gaussian(0)
    for i, mean in enumerate(MEANS):
        top, below, q = axes[0, i], axes[1, i], gaussian(mean)
        top.fill_between(GRID.points, p / GRID.weights, color="black", alpha=0.3, label="$p_{data}$")
        top.fill_between(GRID.points, q / GRID.weights, color="tab:green", alpha=0.5, label="$p_g$")
        top.set(
            xlim=(-4.5, 5.5),
            yticks=[],
            xlabel="x",
            title=f"$G_{i + 1}$" + (" = $G^*$" if i == best.index else ""),
        )
        below.plot(SLOPES, [value(p, q, discriminator(slope, mean)) for slope in SLOPES], color="tab:blue")
        below.plot(-mean, best.values[i], "o", color="tab:red")
        below.axhline(-2 * LOG_2, color="grey", linestyle=":")
        below.vlines(-mean, -2 * LOG_2, best.values[i], color="tab:red")
        above = best.values[i] + 2 * LOG_2
        below.annotate(f"$D^*$: $2\\,JSD = {above:.2f}$", (-mean, best.values[i]), xytext=(0, 9),
                       textcoords="offset points", ha="center", color="tab:red")  # fmt: skip
        below.text(SLOPES[-1] + 0.8, -2 * LOG_2, r"$-2\,\log 2$", ha="right", va="bottom", color="grey")
        below.set(xlabel="D: slope of its logit", ylim=(-3, 0), xlim=(SLOPES[0] - 0.4, SLOPES[-1] + 0.9))
    axes[0, 0].set_ylabel("density")
    axes[0, 0].legend(fontsize=9)
    axes[1, 0].set_ylabel("$V(G, D)$ in nats")
    return figure


ILLUSTRATION = Illustration("argmin over three generators of max over D of V", argmin_figure)
