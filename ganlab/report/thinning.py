"""Curves in few enough numbers for a page."""

import itertools
import math

import numpy as np


def thin(x: np.ndarray, y: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """At most `most` (>= 4) of the points (N,), in order; of every stretch the lowest and the highest stay.

    The first and the last point stay as well; what is not finite goes.
    """
    finite = np.isfinite(y)
    x, y = x[finite], y[finite]
    if len(x) <= most:
        return x, y
    buckets = (most - 2) // 2
    edges = np.linspace(0, len(x), buckets + 1).astype(int)
    kept = {0, len(x) - 1}
    for start, stop in itertools.pairwise(edges):
        kept |= {start + int(y[start:stop].argmin()), start + int(y[start:stop].argmax())}
    order = sorted(kept)
    return x[order], y[order]


def short(values: np.ndarray, digits: int = 5) -> list[float | int | None]:
    """Numbers for JSON: so many significant digits, whole ones without a point, None for what is not finite."""
    return [_short(float(value), digits) for value in values]


def _short(value: float, digits: int) -> float | int | None:
    if not math.isfinite(value):
        return None
    if value.is_integer() and abs(value) < 1e15:
        return int(value)
    return float(f"{value:.{digits}g}")
