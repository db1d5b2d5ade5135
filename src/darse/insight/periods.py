"""Days to periods of a calendar, the period that suits the data, and the latest one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Period = Literal["day", "week", "month", "quarter"]
PERIODS: tuple[Period, ...] = ("day", "week", "month", "quarter")
ROWS_PER_CELL = 20
"""Rows of a group in a period that the latest one should stand on."""
_MOST_PERIODS = 60
_FEWEST_PERIODS = 4
_EPOCH = date(1970, 1, 1).toordinal()


def period_numbers(days: Ints, period: Period) -> Ints:
    """The number of the period in which each day lies; neighbours differ by one.

    Args:
        days: Proleptic ordinals.
        period: How long a period is.

    >>> days = np.array([date(2025, 4, 30).toordinal(), date(2025, 5, 1).toordinal()])
    >>> [int(np.diff(period_numbers(days, period))[0]) for period in PERIODS]
    [1, 0, 1, 0]
    """
    if period == "day":
        return days.astype(np.int64)
    if period == "week":
        return (days.astype(np.int64) - 1) // 7  # the first day of the ordinals is a Monday
    months: Ints = (days.astype(np.int64) - _EPOCH).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return months if period == "month" else months // 3


def period_start(number: int, period: Period) -> date:
    """The first day of a period.

    >>> period_start(221, "quarter").isoformat()
    '2025-04-01'
    """
    if period in {"day", "week"}:
        return date.fromordinal(number if period == "day" else 7 * number + 1)
    months = number if period == "month" else 3 * number
    return date(1970 + months // 12, 1 + months % 12, 1)


def period_name(number: int, period: Period) -> str:
    """A period as people write it.

    >>> period_name(221, "quarter"), period_name(663, "month"), period_name(105628, "week")
    ('2025 Q2', '2025-04', '2025-W22')
    """
    start = period_start(number, period)
    if period == "day":
        return start.isoformat()
    if period == "week":
        year, week, _ = start.isocalendar()
        return f"{year}-W{week:02}"
    return f"{start.year}-{start.month:02}" if period == "month" else f"{start.year} Q{1 + (start.month - 1) // 3}"


def choose_period(days: Ints, groups: int) -> Period:
    """The shortest period in which a group has rows enough, and of which there are not too many.

    Without such a one, the longest of which there are some.

    Args:
        days: The day of each dated row.
        groups: How many groups share the rows.
    """
    amounts = {period: len(np.unique(period_numbers(days, period))) for period in PERIODS}
    for period, amount in amounts.items():
        if _FEWEST_PERIODS <= amount <= _MOST_PERIODS and len(days) >= ROWS_PER_CELL * max(1, groups) * amount:
            return period
    longest_first: Sequence[Period] = PERIODS[::-1]
    return next((period for period in longest_first if amounts[period] >= _FEWEST_PERIODS), "day")


def find_latest(numbers: Ints) -> int:
    """The number of the period with which the latest rows begin.

    It is the last period, or an earlier one where the last ones together hold less than half of what a period usually
    holds: a month that has just begun, or a mistyped year, is no period to judge by.

    Args:
        numbers: The period of each dated row.
    """
    found, rows = np.unique(numbers, return_counts=True)
    enough = np.median(rows) / 2
    gathered = np.cumsum(rows[::-1])
    return int(found[::-1][np.argmax(gathered >= enough)])
