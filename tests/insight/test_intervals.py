"""Intervals: those of scipy, where scipy has them, and no warning where sides have no spread."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from darse.insight.intervals import MANY_ROWS, difference, level_of, mean_interval, share_interval, standardised


@given(st.integers(1, 500).flatmap(lambda whole: st.tuples(st.integers(0, whole), st.just(whole))))
def test_shares_have_the_interval_of_wilson(counts: tuple[int, int]) -> None:
    part, whole = counts
    found, expected = share_interval(part, whole), stats.binomtest(part, whole).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize("rows", [7, MANY_ROWS + 50])
def test_differences_have_the_interval_of_the_t_test(rows: int) -> None:
    stream = np.random.default_rng(0)
    before, after = stream.normal(0, 1, 3 * rows), stream.normal(0.5, 2, rows)
    found = difference(before, after)
    expected = stats.ttest_ind(after, before, equal_var=rows < MANY_ROWS).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_rows_that_agree_have_intervals_too() -> None:
    same, other = np.full(5, 0.5), np.array([0.0, 1.0])
    assert difference(same, same).value == 0
    assert standardised(same, same) is None
    assert difference(other, same).low is not None
    assert mean_interval(same).low == mean_interval(same).high == 0.5
    assert mean_interval(np.array([1.0])).low is None


def test_a_level_counts_negative_rows() -> None:
    level = level_of(np.array([-1.0, 0.0, 1.0, 1.0]), np.array([True, False, False, False]))
    assert (level.rows, level.mean.value, level.negative.value) == (4, 0.25, 0.25)
