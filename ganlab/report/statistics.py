"""Means over seeds with Student's t: an interval of one group, the difference of two, many differences at once."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

LEAST = 3  # seeds below which no interval is drawn and no verdict given
LEVEL = 0.95


@dataclass(frozen=True)
class Mean:
    """A mean over n seeds; `half` is half its 95 % t interval, None where n < 3 or equal values leave no spread to tell."""

    value: float
    half: float | None
    n: int


@dataclass(frozen=True)
class Difference:
    """The mean of one group less that of another.

    Attributes:
        test: ``paired`` by seed, ``Welch``, or None where there are too few seeds or no spread to judge by.
        n: seeds of both groups; equal if paired.
        half: half the 95 % t interval of the difference.
        p: two-sided, not corrected.
    """

    value: float
    test: str | None
    n: tuple[int, int]
    half: float | None = None
    p: float | None = None


def mean_over_seeds(values: Sequence[float]) -> Mean:
    """Mean and t interval of (n,) values, n >= 1."""
    x = np.asarray(values, dtype=float)
    error = x.std(ddof=1) / math.sqrt(len(x)) if len(x) >= LEAST else 0.0
    half = _half(len(x) - 1, error) if _is_spread(error, x) else None
    return Mean(float(x.mean()), half, len(x))


def difference(first: Mapping[int, float], second: Mapping[int, float]) -> Difference:
    """Compare two groups given by seed, each with at least one: paired if they have the same seeds, else Welch.

    Sources: Student 1908; Welch 1947, with Satterthwaite's degrees of freedom.
    """
    a, b = (np.array(list(group.values()), dtype=float) for group in (first, second))
    n, value = (len(a), len(b)), float(a.mean() - b.mean())
    if min(n) < LEAST:
        return Difference(value, None, n)
    if first.keys() == second.keys():
        gaps = a - np.array([second[seed] for seed in first], dtype=float)
        test, freedom, error = "paired", len(gaps) - 1.0, gaps.std(ddof=1) / math.sqrt(len(gaps))
    else:
        u, v = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
        spread = u**2 / (len(a) - 1) + v**2 / (len(b) - 1)
        test, freedom, error = "Welch", (u + v) ** 2 / spread if spread else math.nan, math.sqrt(u + v)
    if not _is_spread(error, a, b):
        return Difference(value, None, n)
    p = 2 * float(stdtr(freedom, -abs(value / error)))
    return Difference(value, test, n, _half(freedom, error), p)


def holm(p: Sequence[float]) -> list[float]:
    """Holm's adjusted p values (1979), in the order given: all pairs below 0.05 together err 5 % of the time."""
    adjusted, largest = [0.0] * len(p), 0.0
    for rank, i in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        largest = max(largest, min(1.0, (len(p) - rank) * p[i]))
        adjusted[i] = largest
    return adjusted


def _is_spread(error: float, *values: np.ndarray) -> bool:
    """Whether values differ by more than rounding."""
    return error > 1e-12 * max(abs(x).max() for x in values)


def _half(freedom: float, error: float) -> float:
    return float(stdtrit(freedom, (1 + LEVEL) / 2) * error)
