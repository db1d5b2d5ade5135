"""The days of all rows to what counts as the latest time, as the time before it, and as lately."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from darse.insight.periods import Ints, Period, choose_period, find_latest, period_name, period_numbers, period_start
from darse.insight.rows import NO_DAY

BEFORE_PERIODS = 12
"""Periods before the latest one that it is held against; what was long ago is no yardstick for what is new."""
RECENT_PERIODS = 4
"""Periods, the latest one among them, in which a change counts as one of lately."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Stretches of time; the days are ordinals, and a stretch ends where the next begins.

    Attributes:
        period: How long a period is.
        is_chosen: Whether it was chosen rather than named.
        first: The day of the first dated row.
        before: The first day of the time before.
        recent: The first day on which a change counts as one of lately.
        latest: The first day of the latest time.
        last: The day of the last dated row.
    """

    period: Period
    is_chosen: bool
    first: int
    before: int
    recent: int
    latest: int
    last: int

    @property
    def latest_name(self) -> str:
        """The latest time as people write it."""
        return self._name(self.latest, self.last)

    @property
    def before_name(self) -> str:
        """The time before it as people write it."""
        return self._name(self.before, self.latest - 1)

    def _name(self, first: int, last: int) -> str:
        start, end = (period_name(self.number(day), self.period) for day in (first, last))
        return start if start == end else f"{start} to {end}"

    def number(self, day: int) -> int:
        """The number of the period of a day."""
        return int(period_numbers(np.array([day]), self.period)[0])

    def day(self, day: int) -> str:
        """A day as people write it."""
        return date.fromordinal(day).isoformat()


def find_windows(days: Ints, groups: int, period: Period | None) -> Windows | None:
    """The stretches of time of some rows; None if they lie in fewer than two periods.

    Args:
        days: The day of every row.
        groups: How many groups share them.
        period: How long a period is; None chooses.
    """
    dated = days[days != NO_DAY]
    if not len(dated):
        return None
    chosen = period or choose_period(dated, groups)
    numbers = period_numbers(dated, chosen)
    latest = find_latest(numbers)
    if latest == numbers.min():
        return None
    first = int(dated.min())
    begins = {back: period_start(latest - back, chosen).toordinal() for back in (0, RECENT_PERIODS - 1, BEFORE_PERIODS)}
    return Windows(
        period=chosen,
        is_chosen=period is None,
        first=first,
        before=max(first, begins[BEFORE_PERIODS]),
        recent=begins[RECENT_PERIODS - 1],
        latest=begins[0],
        last=int(dated.max()),
    )
