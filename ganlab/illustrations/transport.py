"""The earth mover's plan between two histograms, as a matrix and as earth that is carried."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganlab.illustrations import Illustration
from ganlab.theory.transport import Transport, wasserstein

PLACES = np.arange(10.0)
DATA = np.array([0, 2, 5, 3, 1, 0, 0, 3, 5, 1]) / 20
GENERATED = np.array([4, 4, 3, 0, 0, 2, 4, 2, 1, 0]) / 20


def plan() -> Transport:
    """The cheapest plan from the generated histogram to that of the data."""
    return wasserstein(PLACES, PLACES, GENERATED, DATA)


def transport_figure() -> Figure:
    """The plan as a matrix between its two histograms, and the earth it carries."""
    found = plan()
    figure = Figure(figsize=(10, 4.8), layout="constrained")
    panels: Any = figure.subfigures(1, 2)
    left, right = panels
    axes = left.subplots(2, 2, width_ratios=[4, 1], height_ratios=[1, 4], sharex="col", sharey="row")
    axes[0, 1].set_visible(False)
    axes[0, 0].bar(PLACES, DATA, color="grey")
    axes[0, 0].set(title=rf"$\gamma$: $W_1$ = {found.distance:.2f}", yticks=[])
    axes[1, 1].barh(PLACES, GENERATED, color="tab:green")
    axes[1, 1].set(xticks=[])
    axes[1, 0].imshow(found.plan, cmap="Blues", origin="lower", aspect="auto", vmin=0)
    for (i, j), mass in np.ndenumerate(found.plan):
        if mass > 1e-12:
            dark = mass > found.plan.max() / 2
            axes[1, 0].text(j, i, f"{20 * mass:.0f}", ha="center", va="center", color="w" if dark else "k")
    axes[1, 0].set(xlabel="to: place in the data", ylabel="from: place in what G makes")
    _draw_carrying(right.subplots(), found)
    return figure


def _draw_carrying(axis: Axes, found: Transport) -> None:
    axis.bar(PLACES, DATA, color="grey", label="$p_{data}$")
    axis.bar(PLACES, -GENERATED, color="tab:green", label="$p_g$")
    for (i, j), mass in np.ndenumerate(found.plan):
        if mass > 1e-12:
            axis.plot([i, j], [-GENERATED[i], DATA[j]], color="tab:blue", linewidth=60 * mass, alpha=0.45)
    axis.axhline(0, color="black", linewidth=0.8)
    axis.set(title="earth that is carried, in twentieths", xlabel="place", yticks=[], xticks=PLACES)
    axis.legend(loc="lower right")


ILLUSTRATION = Illustration("the transport plan of two histograms", transport_figure)
