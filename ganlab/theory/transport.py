"""Optimal transport between samples: W1, W2, the plan, and the dual side that a critic plays (through POT)."""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ganlab.errors import TheoryError
from ganlab.theory.distributions import masses, numbers, same_space, vector


@dataclass(frozen=True)
class Transport:
    """The cheapest way to turn one distribution into another.

    Attributes:
        distance: W_p = (sum gamma_ij ||x_i - y_j||^p)^(1/p), in the unit of the points.
        plan: gamma (N, M), the mass moved from x_i to y_j; rows sum to a, columns to b.
        potentials: (u, v) of the dual, u_i + v_j <= ||x_i - y_j||^p.
    """

    distance: float
    plan: np.ndarray
    potentials: tuple[np.ndarray, np.ndarray]


def wasserstein(
    x: ArrayLike, y: ArrayLike, a: ArrayLike | None = None, b: ArrayLike | None = None, *, order: int = 1
) -> Transport:
    """W1 (the earth mover's distance) or W2 between weighted points, exact, with Euclidean distances.

    Args:
        x, y: (N, d) and (M, d), or vectors of numbers.
        a, b: their masses, (N,) and (M,); equal ones by default.
        order: the p of W_p, 1 or 2.
    """
    import ot  # takes a second, and most users of the theory never ask for it

    x, y = same_space(x, y)
    if order not in (1, 2):
        raise TheoryError(f"order must be 1 or 2, got {order}")
    a, b = _weights(a, len(x), "a"), _weights(b, len(y), "b")
    cost = _distances(x, y) ** order
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            plan, log = ot.emd(a, b, cost, log=True, numItermax=10_000_000)
        except UserWarning as error:
            raise TheoryError(
                f"the transport problem was not solved: {str(error).splitlines()[0]}"
            ) from error
    return Transport(float(log["cost"]) ** (1 / order), plan, (log["u"], log["v"]))


def wasserstein_line(x: ArrayLike, p: ArrayLike, q: ArrayLike) -> float:
    """W1 of two histograms over the same ascending numbers x (N,): the area between their distribution functions."""
    p, q = masses(p, name="p"), masses(q, name="q")
    x = vector(x, name="x")
    if not (len(p) == len(q) == len(x)) or (np.diff(x) <= 0).any():
        raise TheoryError("x must be ascending numbers, one for every mass of p and of q")
    return float((np.abs(np.cumsum(p - q))[:-1] * np.diff(x)).sum())


def best_critic(
    x: ArrayLike, y: ArrayLike, a: ArrayLike | None = None, b: ArrayLike | None = None
) -> np.ndarray:
    """An optimal 1-Lipschitz critic at the points of x, then those of y: (N + M,).

    The Kantorovich potential extended to all points, f(z) = min_j ||z - y_j|| - v_j; E f(x) - E f(y) = W1.
    """
    x, y = same_space(x, y)
    _, v = wasserstein(x, y, a, b).potentials
    carrying = _weights(b, len(y), "b") > 0  # where there is no mass the solver's potential means nothing
    return (_distances(np.concatenate([x, y]), y[carrying]) - v[carrying]).min(1)


@dataclass(frozen=True)
class DualityGap:
    """How far a critic is from the best one.

    Attributes:
        distance: W1.
        lipschitz: L, the critic's greatest slope between any two of the points.
        bound: (E f(x) - E f(y)) / L <= W1, what the critic proves.
        gap: distance - bound, >= 0 up to rounding; 0 for an optimal critic.
    """

    distance: float
    lipschitz: float
    bound: float

    @property
    def gap(self) -> float:
        return self.distance - self.bound


def duality_gap(
    critic: ArrayLike, x: ArrayLike, y: ArrayLike, a: ArrayLike | None = None, b: ArrayLike | None = None
) -> DualityGap:
    """Kantorovich and Rubinstein's gap of a critic's values (N + M,) at the points of x, then those of y."""
    x, y = same_space(x, y)
    values = numbers(critic, name="the critic")
    if values.shape != (len(x) + len(y),):
        raise TheoryError(f"the critic must have one value for each of the {len(x) + len(y)} points")
    everywhere = np.concatenate([x, y])
    apart = _distances(everywhere, everywhere)
    steps = np.abs(values[:, None] - values[None, :])
    if (steps[apart == 0] > 0).any():
        raise TheoryError("the critic has two values at one point")
    lipschitz = float((steps[apart > 0] / apart[apart > 0]).max(initial=0.0))
    real, fake = values[: len(x)] @ _weights(a, len(x), "a"), values[len(x) :] @ _weights(b, len(y), "b")
    bound = float(real - fake) / lipschitz if lipschitz else 0.0
    return DualityGap(wasserstein(x, y, a, b).distance, lipschitz, bound)


def _weights(given: ArrayLike | None, n: int, name: str) -> np.ndarray:
    if given is None:
        return np.full(n, 1 / n)
    weights = masses(given, name=name)
    if len(weights) != n:
        raise TheoryError(f"{name} has {len(weights)} masses for {n} points")
    return weights


def _distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Euclidean, (N, M); not through inner products, which lose the digits of small distances."""
    return np.sqrt(((x[:, None, :] - y[None, :, :]) ** 2).sum(2))
