"""Intervals and tests agree with SciPy's and with values worked out by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from ganlab.report.statistics import difference, holm, mean_over_seeds

FIRST = {0: 14.1, 1: 15.9, 2: 13.2, 3: 18.8}
SECOND = {0: 17.3, 1: 19.0, 2: 16.1, 3: 20.9}
OTHER_SEEDS = {5: 30.5, 6: 21.0, 7: 26.2}


def test_interval_of_a_mean() -> None:
    mean = mean_over_seeds([1.0, 2.0, 6.0])
    assert mean.value == 3.0
    assert mean.n == 3
    # with two degrees of freedom the quantile has a closed form
    t = 0.95 * math.sqrt(2 / (4 * 0.975 * 0.025))
    assert mean.half == pytest.approx(t * math.sqrt(7 / 3), rel=1e-12)
    low, high = stats.t.interval(
        0.95, 3, loc=np.mean(list(FIRST.values())), scale=stats.sem(list(FIRST.values()))
    )
    four = mean_over_seeds(list(FIRST.values()))
    assert four.value - four.half == pytest.approx(low, rel=1e-12)
    assert four.value + four.half == pytest.approx(high, rel=1e-12)


@pytest.mark.parametrize("values", [[4.0], [4.0, 9.0]])
def test_no_interval_below_three_seeds(values: list[float]) -> None:
    mean = mean_over_seeds(values)
    assert mean.half is None
    assert mean.value == sum(values) / len(values)


@pytest.mark.parametrize("values", [[4.0, 4.0, 4.0], [0.0] * 5, [0.1 + 0.2, 0.3, 0.3]])
def test_no_interval_where_nothing_differs_but_by_rounding(values: list[float]) -> None:
    mean = mean_over_seeds(values)
    assert (mean.value, mean.half, mean.n) == (pytest.approx(values[0]), None, len(values))


def test_same_seeds_are_paired_in_whatever_order() -> None:
    shuffled = {seed: SECOND[seed] for seed in (2, 0, 3, 1)}
    found = difference(FIRST, shuffled)
    expected = stats.ttest_rel(list(FIRST.values()), list(SECOND.values()))
    assert found.test == "paired"
    assert found.n == (4, 4)
    assert found.value == pytest.approx(-2.825)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-10)
    interval = expected.confidence_interval(0.95)
    assert found.half == pytest.approx((interval.high - interval.low) / 2, rel=1e-10)


def test_unlike_seeds_are_compared_by_welch() -> None:
    found = difference(FIRST, OTHER_SEEDS)
    expected = stats.ttest_ind(list(FIRST.values()), list(OTHER_SEEDS.values()), equal_var=False)
    assert found.test == "Welch"
    assert found.n == (4, 3)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-10)
    interval = expected.confidence_interval(0.95)
    assert found.value == pytest.approx((interval.high + interval.low) / 2, rel=1e-12)
    assert found.half == pytest.approx((interval.high - interval.low) / 2, rel=1e-10)


def test_no_test_without_three_seeds_or_without_spread() -> None:
    few = difference({0: 1.0, 1: 2.0}, FIRST)
    assert (few.test, few.p, few.half, few.n) == (None, None, None, (2, 4))
    shifted = {seed: value + 0.1 for seed, value in FIRST.items()}  # gaps that differ by rounding alone
    assert difference(FIRST, shifted).p is None
    assert difference({0: 1.0, 1: 1.0, 2: 1.0}, {3: 2.0, 4: 2.0, 5: 2.0}).p is None


def test_holm_by_hand() -> None:
    # Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1 is 0.02, 0.03, 0.06, 0.04: the last may not fall below 0.06.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.7]) == [1.0, 1.0]
    assert holm([]) == []
