"""The earth mover's plan between two histograms, as a matrix and as earth that is carried."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganlab.illustrations import Illustration
from ganlab.theory.transport import wasserstein

PLACES = np.arange(10.0)
UNIT = 20  # masses are twentieths
DATA = np.array([0, 2, 5, 3, 1, 0, 0, 3, 5, 1]) / UNIT
GENERATED = np.array([4, 4, 3, 0, 0, 2, 4, 2, 1, 0]) / UNIT
_WIDTH = 0.16  # of the strip that carries one unit; a bar is five of them wide


def plan() -> np.ndarray:
    """The mass (10, 10) moved from each place of the generated histogram to each of the data's, in order.

    It is the cheapest plan for W2, which has no ties; on the line the plan that keeps the order is the cheapest for W1 too.
    """
    return wasserstein(PLACES, PLACES, GENERATED, DATA, order=2).plan


def cost(moved: np.ndarray) -> float:
    """Places travelled, on average."""
    return float((moved * np.abs(PLACES[:, None] - PLACES)).sum())


def transport_figure() -> Figure:
    """The plan as a matrix between its two histograms, and the earth it carries."""
    moved = plan()
    figure = Figure(figsize=(11, 4.8), layout="constrained")
    panels: Any = figure.subfigures(1, 2)
    left, right = panels
    axes = left.subplots(2, 2, width_ratios=[4, 1], height_ratios=[1, 4], sharex="col", sharey="row")
    axes[0, 1].set_visible(False)
    axes[0, 0].bar(PLACES, UNIT * DATA, color="grey")
    axes[0, 0].set(
        yticks=[0, 5], ylabel="$p_{data}$", title=f"$\\gamma$ in twentieths: $W_1$ = {cost(moved):.2f} places"
    )
    axes[1, 1].barh(PLACES, UNIT * GENERATED, color="tab:green")
    axes[1, 1].set(xticks=[0, 4], xlabel="$p_g$")
    axes[1, 0].imshow(moved, cmap="Blues", origin="lower", aspect="auto", vmin=0)
    for (i, j), mass in _carried(moved):
        dark = mass > moved.max() / 2
        axes[1, 0].text(j, i, f"{UNIT * mass:.0f}", ha="center", va="center", color="w" if dark else "k")
    axes[1, 0].set(
        xticks=PLACES, yticks=PLACES, xlabel="to: place in the data", ylabel="from: place in what G makes"
    )
    _draw_carrying(right.subplots(), moved)
    return figure


def _draw_carrying(axis: Axes, moved: np.ndarray) -> None:
    """Bars of what is made below and of the data above; between them a strip for each move, as wide as its mass."""
    low, high = 0.0, 5.0
    axis.bar(PLACES, UNIT * DATA, bottom=high, color="grey", label="$p_{data}$")
    axis.bar(PLACES, -UNIT * GENERATED, bottom=low, color="tab:green", label="$p_g$")
    leaves, comes = PLACES - _WIDTH * UNIT * GENERATED / 2, PLACES - _WIDTH * UNIT * DATA / 2
    for (i, j), mass in _carried(moved):
        width = _WIDTH * UNIT * mass
        start, end = leaves[i], comes[j]
        axis.fill(
            [start, start + width, end + width, end], [low, low, high, high], color="tab:blue", alpha=0.35
        )
        axis.annotate("", (end + width / 2, high), (start + width / 2, low),
                      arrowprops={"arrowstyle": "-|>", "color": "tab:blue", "shrinkA": 0, "shrinkB": 0})  # fmt: skip
        leaves[i], comes[j] = start + width, end + width
    ticks = [low - 4, low - 2, low, high, high + 2, high + 4]
    axis.set(
        title="earth that is carried, in twentieths",
        xlabel="place",
        ylabel="mass, in twentieths",
        xticks=PLACES,
    )
    axis.set_yticks(ticks, labels=["4", "2", "0", "0", "2", "4"])
    axis.legend(loc="upper center")


def _carried(moved: np.ndarray) -> list[tuple[tuple[int, int], float]]:
    """Every move that there is: where from and where to, and its mass."""
    return [((place[0], place[1]), mass) for place, mass in np.ndenumerate(moved) if mass > 1e-12]


ILLUSTRATION = Illustration("the transport plan of two histograms", transport_figure)
