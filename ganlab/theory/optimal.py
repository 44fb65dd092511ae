"""The discriminator's best answer to a generator, and what the game is worth then (Goodfellow et al. 2014).

p is the data's and q the generator's distribution, masses (N,) over the same points.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ganlab.errors import TheoryError
from ganlab.theory.distributions import numbers, pair
from ganlab.theory.divergences import LOG_2, jensen_shannon


def optimal_discriminator(p: ArrayLike, q: ArrayLike) -> np.ndarray:
    """D* = p / (p + q), (N,) in [0, 1] (proposition 1); 1/2 where neither has mass."""
    p, q = pair(p, q)
    total = p + q
    return np.where(total > 0, p / np.where(total > 0, total, 1), 0.5)


def value(p: ArrayLike, q: ArrayLike, d: ArrayLike) -> float:
    """V(G, D) = E_p log D + E_q log(1 - D), in [-inf, 0] nats (equation 1).

    It is -inf where D is certain of the wrong answer, which rounding to D = 1 is enough for.

    Args:
        d: D's probabilities (N,) at the points.
    """
    p, q = pair(p, q)
    d = _probabilities(d, len(p))
    real, fake = p > 0, q > 0
    with np.errstate(divide="ignore"):
        return float((p[real] * np.log(d[real])).sum() + (q[fake] * np.log1p(-d[fake])).sum())


def best_value(p: ArrayLike, q: ArrayLike) -> float:
    """max_D V(G, D) = V(G, D*) = -2 log 2 + 2 JSD(p || q), in [-2 log 2, 0] (theorem 1)."""
    return 2 * jensen_shannon(p, q) - 2 * LOG_2


def distance_to_optimal(p: ArrayLike, q: ArrayLike, d: ArrayLike) -> float:
    """||D - D*||, the root mean square difference over the samples that D is shown, (p + q) / 2; in [0, 1]."""
    p, q = pair(p, q)
    return distance(p, q, _probabilities(d, len(p)), optimal_discriminator(p, q))


def distance(p: ArrayLike, q: ArrayLike, d: ArrayLike, other: ArrayLike) -> float:
    """Root mean square difference of two functions (N,) over the samples that D is shown, (p + q) / 2; >= 0."""
    p, q = pair(p, q)
    squared = (_at_each_point(d, len(p)) - _at_each_point(other, len(p))) ** 2
    return float(np.sqrt(((p + q) / 2 * squared).sum()))


@dataclass(frozen=True)
class BestGenerator:
    """Which of several generators wins min_G max_D V, and the value of each against its best D.

    Attributes:
        index: of the winner.
        values: max_D V(G_i, D) of every candidate, in nats.
    """

    index: int
    values: tuple[float, ...]


def best_generator(p: ArrayLike, candidates: Sequence[ArrayLike]) -> BestGenerator:
    """argmin_G max_D V(G, D) over a few generators, a row of masses each: the one with the smallest JSD to the data."""
    if not len(candidates):
        raise TheoryError("there is no generator to choose from")
    values = tuple(best_value(p, q) for q in candidates)
    return BestGenerator(int(np.argmin(values)), values)


def _probabilities(d: ArrayLike, n: int) -> np.ndarray:
    array = _at_each_point(d, n)
    if not ((array >= 0) & (array <= 1)).all():
        raise TheoryError("D must be a probability in [0, 1] at every point")
    return array


def _at_each_point(d: ArrayLike, n: int) -> np.ndarray:
    array = numbers(d, name="D")
    if array.shape != (n,):
        raise TheoryError(f"D must have a value at each of the {n} points, got shape {list(array.shape)}")
    return array
