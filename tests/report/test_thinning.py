"""Fewer points, the same extremes."""

import math

import numpy as np
import pytest

from ganlab.report.thinning import short, thin


def test_spikes_and_ends_survive() -> None:
    x = np.arange(1000.0)
    y = np.sin(x / 50)
    y[333], y[777] = 40.0, -30.0
    thin_x, thin_y = thin(x, y, 60)
    assert len(thin_x) <= 60
    assert (np.diff(thin_x) > 0).all()
    assert {333.0, 777.0, 0.0, 999.0} <= set(thin_x)
    assert (y[thin_x.astype(int)] == thin_y).all()


@pytest.mark.parametrize("n", [0, 1, 59, 60])
def test_few_points_stay_as_they_are(n: int) -> None:
    x, y = thin(np.arange(n, dtype=float), np.arange(n) ** 2.0, 60)
    assert x.tolist() == list(range(n))
    assert y.tolist() == [i**2 for i in range(n)]


def test_what_is_not_finite_goes() -> None:
    x, y = thin(np.array([1.0, 2.0, 3.0, 4.0]), np.array([math.nan, 5.0, math.inf, 7.0]), 60)
    assert (x.tolist(), y.tolist()) == ([2.0, 4.0], [5.0, 7.0])


def test_numbers_are_short() -> None:
    values = np.array([0.123456789, -12345678.0, 3.0, math.nan, -math.inf, 1.23456e-9, 99999.6])
    assert short(values) == [0.12346, -12345678, 3, None, None, 1.2346e-09, 100000.0]
