"""Two distributions move apart: the Jensen-Shannon divergence stops at log 2, the earth mover's distance goes on."""

from functools import partial

import numpy as np
from matplotlib.figure import Figure

from ganlab.illustrations import Illustration
from ganlab.theory.distributions import Grid
from ganlab.theory.divergences import LOG_2, jensen_shannon, total_variation
from ganlab.theory.transport import wasserstein_line

STD = 0.3
SHIFTS = np.linspace(0, 3, 61)
CURVES = {
    "JSD": ("JSD (nats)", "tab:blue"),
    "TV": ("total variation", "tab:orange"),
    "W1": ("$W_1$", "tab:red"),
}


def parting() -> dict[str, np.ndarray]:
    """JSD (nats), TV and W1 of N(0, 0.3^2) and N(d, 0.3^2) for every d of `SHIFTS`, by name."""
    grid = Grid.line(-2, 5, 3001)
    p = grid.masses(partial(_bump, mean=0))
    found: dict[str, list[float]] = {"JSD": [], "TV": [], "W1": []}
    for shift in SHIFTS:
        q = grid.masses(partial(_bump, mean=shift))
        found["JSD"].append(jensen_shannon(p, q))
        found["TV"].append(total_variation(p, q))
        found["W1"].append(wasserstein_line(grid.points, p, q))
    return {name: np.array(values) for name, values in found.items()}


def divergences_figure() -> Figure:
    """The two densities at three distances above, divergences against the distance below, and their slopes."""
    figure = Figure(figsize=(9.5, 5.6), layout="constrained")
    panels = figure.subplot_mosaic(
        [["near", "apart", "far"], ["value", "value", "slope"]], height_ratios=[1, 2]
    )
    x = np.linspace(-1.2, 4.2, 600)
    for name, shift in (("near", 0.4), ("apart", 1.5), ("far", 3.0)):
        panels[name].fill_between(x, _bump(x, 0), color="black", alpha=0.35, label="$p_{data}$")
        panels[name].fill_between(x, _bump(x, shift), color="tab:green", alpha=0.5, label="$p_g$")
        panels[name].set(title=f"d = {shift:g}", yticks=[], xlabel="x")
    panels["near"].legend(fontsize=9)
    panels["near"].set_ylabel("density")
    for name, values in parting().items():
        label, colour = CURVES[name]
        panels["value"].plot(SHIFTS, values, color=colour, label=label)
        panels["slope"].plot(SHIFTS, np.gradient(values, SHIFTS, edge_order=2), color=colour, label=label)
    panels["value"].axhline(LOG_2, color="grey", linestyle=":")
    panels["value"].text(3.0, LOG_2 - 0.04, "log 2", ha="right", va="top", color="grey")
    panels["value"].set(xlabel="distance d of the two means", ylabel="value", ylim=(0, 3.1))
    panels["value"].legend(loc="upper left")
    panels["slope"].set(xlabel="distance d of the two means", ylabel="derivative by d", ylim=(-0.1, 1.6))
    panels["slope"].set_title("what G can follow", fontsize=10)
    panels["slope"].legend(fontsize=9)
    return figure


def _bump(x: np.ndarray, mean: float) -> np.ndarray:
    return np.exp(-(((x - mean) / STD) ** 2) / 2) / (STD * np.sqrt(2 * np.pi))


ILLUSTRATION = Illustration("JSD, total variation and W1 as two distributions part", divergences_figure)
