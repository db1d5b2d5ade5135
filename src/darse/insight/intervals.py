"""Numbers and counts to means, shares and differences with their 95 % intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from darse.evaluate.losses import Floats

CONFIDENCE = 0.95
MANY_ROWS = 100
"""From so many rows on both sides on, the t interval and the t test stand on the rows' own spreads alone."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % interval; without ends where rows are too few for one."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Level:
    """How good some rows are.

    Attributes:
        rows: How many there are.
        mean: Their mean sentiment, with Student's t interval.
        negative: The share of negative ones, with Wilson's interval.
    """

    rows: int
    mean: Interval
    negative: Interval


def level_of(values: Floats, is_negative: NDArray[np.bool_]) -> Level:
    """The level of one or more rows.

    Args:
        values: Sentiment of each row, (rows,).
        is_negative: Whether each is negative, (rows,).
    """
    rows, negative = len(values), int(np.count_nonzero(is_negative))
    return Level(rows, mean_interval(values), share_interval(negative, rows))


def mean_interval(values: Floats) -> Interval:
    """A mean with Student's t interval; from one row there is none.

    >>> found = mean_interval(np.array([0.0, 1.0, 2.0]))
    >>> round(found.low, 4), round(found.high, 4)
    (-1.4841, 3.4841)
    """
    mean = float(values.mean())
    if len(values) < 2:
        return Interval(mean)
    half = _reach(len(values) - 1) * float(values.std(ddof=1)) / len(values) ** 0.5
    return Interval(mean, mean - half, mean + half)


def share_interval(part: int, whole: int) -> Interval:
    """A share with Wilson's score interval.

    It never leaves 0 to 1 and holds its promise for few rows and for shares near the ends.

    Source: Wilson (1927), J. Am. Stat. Assoc. 22; recommended by Brown, Cai and DasGupta (2001), Stat. Sci. 16.

    >>> round(share_interval(0, 10).high, 4)
    0.2775
    """
    share, z = part / whole, _reach(math.inf)
    centre = (share + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z / (1 + z * z / whole) * (share * (1 - share) / whole + z * z / (4 * whole * whole)) ** 0.5
    # a share of 0 or 1 lies in it also after rounding
    return Interval(share, max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half)))


def difference(before: Floats, after: Floats) -> Interval:
    """How much the mean has risen, with a t interval: Welch's, or with one common spread where a side has few rows.

    Few rows may agree by chance, and an interval that believes their spread is too short.

    Args:
        before: Sentiment of the rows before, at least two.
        after: Of those after, at least two.
    """
    found, rows = float(after.mean() - before.mean()), (len(before), len(after))
    if min(rows) >= MANY_ROWS:
        parts = [float(side.var(ddof=1)) / len(side) for side in (before, after)]
        error, spread = sum(parts) ** 0.5, sum(part**2 / (count - 1) for part, count in zip(parts, rows, strict=True))
        freedom = sum(parts) ** 2 / spread if spread else 1.0
    else:
        error = common_spread(before, after) * (1 / rows[0] + 1 / rows[1]) ** 0.5
        freedom = sum(rows) - 2.0
    half = _reach(freedom) * error
    return Interval(found, found - half, found + half)


@lru_cache(maxsize=1 << 14)
def _reach(freedom: float) -> float:
    """How many standard errors an interval of Student's t reaches to either side."""
    return float(stats.t.ppf(0.5 + CONFIDENCE / 2, freedom))


def common_spread(before: Floats, after: Floats) -> float:
    """The standard deviation of two sides around their own means, pooled."""
    squares = sum(float(np.sum((side - side.mean()) ** 2)) for side in (before, after))
    return math.sqrt(squares / (len(before) + len(after) - 2))


def standardised(before: Floats, after: Floats) -> float | None:
    """The difference of the means in standard deviations (Cohen's d with the common spread); None without spread."""
    spread = common_spread(before, after)
    return float(after.mean() - before.mean()) / spread if spread > 0 else None
