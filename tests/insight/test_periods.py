"""Days to periods: every day is in one, neighbours follow each other, and the latest is one to judge by."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darse.insight.periods import PERIODS, Period, choose_period, find_latest, period_name, period_numbers, period_start
from darse.insight.windows import find_windows

_DAYS = st.dates(date(1901, 1, 1), date(2099, 12, 31)).map(date.toordinal)


@pytest.mark.parametrize("period", PERIODS)
@given(day=_DAYS)
def test_a_day_lies_between_the_starts_of_its_period_and_of_the_next(period: Period, day: int) -> None:
    number = int(period_numbers(np.array([day]), period)[0])
    assert period_start(number, period).toordinal() <= day < period_start(number + 1, period).toordinal()


@pytest.mark.parametrize(
    ("day", "names"),
    [
        (date(2025, 1, 1), ["2025-01-01", "2025-W01", "2025-01", "2025 Q1"]),
        (date(2025, 7, 31), ["2025-07-31", "2025-W31", "2025-07", "2025 Q3"]),
        (date(2024, 12, 31), ["2024-12-31", "2025-W01", "2024-12", "2024 Q4"]),
    ],
)
def test_periods_have_the_names_of_the_calendar(day: date, names: list[str]) -> None:
    numbers = [int(period_numbers(np.array([day.toordinal()]), period)[0]) for period in PERIODS]
    assert [period_name(number, period) for number, period in zip(numbers, PERIODS, strict=True)] == names


def test_few_rows_make_long_periods_and_many_rows_short_ones() -> None:
    days = np.repeat(np.arange(date(2025, 1, 1).toordinal(), date(2025, 12, 31).toordinal() + 1), 2)
    assert choose_period(days, 12) == "quarter"
    assert choose_period(np.repeat(days, 10), 12) == "month"
    assert choose_period(np.repeat(days, 50), 2) == "week"


def test_a_mistyped_year_and_a_month_just_begun_are_not_the_latest_time() -> None:
    assert find_latest(np.array([1] * 50 + [2] * 50 + [3] * 40 + [700])) == 3
    assert find_latest(np.array([1] * 50 + [2] * 50 + [3] * 5)) == 2
    assert find_latest(np.array([1] * 50 + [2] * 50 + [3] * 30)) == 3


def test_rows_of_one_period_have_no_windows() -> None:
    days = np.array([date(2025, 4, 1).toordinal()] * 10)
    assert find_windows(days, 1, None) is None
    assert find_windows(np.zeros(3, dtype=np.int64), 1, None) is None


def test_the_time_before_reaches_back_a_bounded_way() -> None:
    days = np.arange(date(2015, 1, 1).toordinal(), date(2025, 12, 31).toordinal() + 1)
    windows = find_windows(days, 1, "month")
    assert windows is not None
    assert windows.day(windows.latest) == "2025-12-01"
    assert windows.day(windows.before) == "2024-12-01"
    assert windows.day(windows.recent) == "2025-09-01"
    assert windows.latest_name == "2025-12"
    assert windows.before_name == "2024-12 to 2025-11"
