"""Distributions that are known: probability masses, and densities on a grid of the line."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ganlab.errors import TheoryError

TOLERANCE = 1e-6  # by which masses may miss a sum of 1


@dataclass(frozen=True)
class Grid:
    """Points of an interval with the weights of the trapezoidal rule.

    With masses p_i = p(x_i) w_i every sum over the grid is the integral by that rule, whose error for a smooth
    density that vanishes at both ends is below any power of the spacing.

    Attributes:
        points: (N,) float64, ascending.
        weights: (N,) float64, in the unit of the points.
    """

    points: np.ndarray
    weights: np.ndarray

    @classmethod
    def line(cls, low: float, high: float, n: int = 2001) -> "Grid":
        """n evenly spaced points from low to high, ends included."""
        if not (np.isfinite([low, high]).all() and low < high and n >= 2):
            raise TheoryError(f"a grid needs low < high and two points, got {low}, {high} and {n}")
        points = np.linspace(low, high, n)
        weights = np.full(n, points[1] - points[0])
        weights[[0, -1]] /= 2
        return cls(points, weights)

    def masses(self, density: Callable[[np.ndarray], ArrayLike], *, name: str = "p") -> np.ndarray:
        """(N,) masses of a density; raises TheoryError unless it integrates to one over the interval."""
        values = numbers(density(self.points), name=name)
        if values.shape != self.points.shape:
            raise TheoryError(
                f"{name} must give one density for each of the {len(self.points)} points, got shape {list(values.shape)}"
            )
        return _to_one(
            values * self.weights, name, "integrates to {:.7g} by the trapezoidal rule on these points"
        )


def numbers(given: ArrayLike, *, name: str) -> np.ndarray:
    """What is given as float64, of any shape; raises TheoryError unless all of it is finite numbers."""
    try:
        array = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError, RuntimeError) as error:  # words, ragged lists, tensors that hold a graph
        raise TheoryError(f"{name} must be an array of numbers") from error
    if not np.isfinite(array).all():
        raise TheoryError(f"{name} has values that are not finite")
    return array


def vector(given: ArrayLike, *, name: str) -> np.ndarray:
    """At least one finite number: (N,) float64; raises TheoryError for anything else."""
    array = numbers(given, name=name)
    if not array.size:
        raise TheoryError(f"{name} is empty")
    if array.ndim != 1:
        raise TheoryError(f"{name} must be a vector, got an array of shape {list(array.shape)}")
    return array


def masses(p: ArrayLike, *, name: str = "p") -> np.ndarray:
    """Check that p is a histogram of probabilities, and return it as (N,) float64 with the sum of one.

    Raises:
        TheoryError: it is empty, not a vector, not finite, negative somewhere, or misses the sum of one by
            more than `TOLERANCE`.
    """
    return _to_one(vector(p, name=name), name, "sums to {:.7g}")


def normalised(counts: ArrayLike, *, name: str = "p") -> np.ndarray:
    """Masses from counts or unnormalised weights; raises TheoryError where there is nothing to normalise."""
    array = vector(counts, name=name)
    total = array.sum()
    if not (np.isfinite(total) and total > 0):
        raise TheoryError(f"{name} cannot be normalised: its sum is {total:g}")
    return masses(array / total, name=name)


def pair(p: ArrayLike, q: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Two histograms over the same points, checked."""
    a, b = masses(p, name="p"), masses(q, name="q")
    if len(a) != len(b):
        raise TheoryError(f"p has {len(a)} masses and q {len(b)}; they must be over the same points")
    return a, b


def points(x: ArrayLike, *, name: str = "x") -> np.ndarray:
    """Check samples and return them as (N, d) float64; a vector counts as N numbers on the line."""
    array = numbers(x, name=name)
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or not array.size:
        raise TheoryError(f"{name} must be samples of shape (N, d), got {list(array.shape)}")
    return array


def same_space(x: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Two samples of the same dimension, checked: (N, d), (M, d)."""
    a, b = points(x, name="x"), points(y, name="y")
    if a.shape[1] != b.shape[1]:
        raise TheoryError(f"x has {a.shape[1]} dimensions and y {b.shape[1]}; they must agree")
    return a, b


def pushforward(x: ArrayLike, edges: ArrayLike) -> np.ndarray:
    """Masses in the bins between ascending edges (B + 1,) of G(z) for z uniform on an interval: (B,).

    Args:
        x: G at evenly spaced z, (N,), in the order of z.  Between two neighbours G counts as linear, so the
            masses are exact for a piecewise linear G whose corners are among the z.  Mass outside the edges is lost.
    """
    values, edges = vector(x, name="x"), vector(edges, name="edges")
    if len(values) < 2 or len(edges) < 2 or (np.diff(edges) <= 0).any():
        raise TheoryError("a density is pushed forward with two values of G and ascending edges, at least")
    low, high = np.sort(np.stack([values[:-1], values[1:]]), axis=0)
    span = np.maximum(high - low, 1e-300)
    below = [np.clip((edge - low) / span, 0, 1).mean() for edge in edges]  # the distribution function
    return np.diff(below)


def _to_one(array: np.ndarray, name: str, total: str) -> np.ndarray:
    if (array < 0).any():
        raise TheoryError(f"{name} is negative somewhere, least {array.min():.3g}")
    if abs(array.sum() - 1) > TOLERANCE:
        raise TheoryError(f"{name} {total.format(array.sum())}, not to one")
    return array / array.sum()
