"""How a group of rows moved: its levels, its differences, its changes, and the judgement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from darse.insight.intervals import Interval, Level

EVERYTHING = "all rows"

Dimension = Literal["all", "group", "language"]
Direction = Literal["worse", "better", "unmoved", "few", "undated"]


@dataclass(frozen=True, slots=True)
class Change:
    """A moment at which the level of a group changed.

    Attributes:
        day: The day of the first row after it, as an ordinal.
        before: The level from the change before, or from the first row, to it.
        after: The level from it to the next one, or to the last row.
        difference: How much the mean has risen.
        effect: The same in standard deviations; None without spread.
    """

    day: int
    before: Level
    after: Level
    difference: Interval
    effect: float | None


@dataclass(frozen=True, slots=True)
class Point:
    """A group in one period."""

    number: int
    level: Level


@dataclass(frozen=True)
class Movement:
    """How a group moved.

    Attributes:
        dimension: What it is a group of.
        name: Its name.
        place: Its place among the names of its dimension; -1 for all rows.
        level: Of all its rows.
        dated: Its rows with a date.
        direction: The judgement; `few` where there are too few rows for one.
        before: In the time before.
        latest: In the latest time.
        difference: Latest less before.
        effect: The same in standard deviations.
        p: Of that difference.
        change_p: Of a change of level anywhere.
        corrected: Of both together, corrected for all groups.
        changes: Where it changed, if that is shown.
        points: Its periods.
    """

    dimension: Dimension
    name: str
    place: int
    level: Level
    dated: int
    direction: Direction
    before: Level | None = None
    latest: Level | None = None
    difference: Interval | None = None
    effect: float | None = None
    p: float | None = None
    change_p: float | None = None
    corrected: float | None = None
    changes: tuple[Change, ...] = ()
    points: tuple[Point, ...] = ()
