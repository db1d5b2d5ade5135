"""Rows and stretches of time to how each group moved, tested for all of them together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from darse.evaluate.losses import Floats
from darse.insight.changes import FEWEST_ROWS, change_p, find_changes
from darse.insight.intervals import MANY_ROWS, Interval, Level, difference, level_of, standardised
from darse.insight.periods import Ints, period_numbers
from darse.insight.rows import NO_DAY, Rows
from darse.insight.shuffles import shuffled_p
from darse.insight.windows import Windows
from darse.seeds import numpy_stream

ERROR_RATE = 0.05
"""Of the groups that are said to have moved, so many are expected to be false at the most (Benjamini and Hochberg)."""
EVERYTHING = "all rows"
_SHUFFLED_ROWS = 2000
"""Rows of a group that are shuffled at the most, drawn at random: enough to see a sixth of a standard deviation."""
SHUFFLES = 19_999
"""At the most; most groups need a few dozen until it is clear that nothing is shown."""

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
    """

    day: int
    before: Level
    after: Level
    difference: Interval


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
        corrected: The same, corrected for all tests.
        change_p: That there is a change of level at all.
        change_corrected: The same, corrected for all tests.
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
    corrected: float | None = None
    change_p: float | None = None
    change_corrected: float | None = None
    changes: tuple[Change, ...] = ()
    points: tuple[Point, ...] = ()


@dataclass(frozen=True)
class Subject:
    """Rows that are looked at together, in the order of time."""

    dimension: Dimension
    name: str
    place: int
    values: Floats
    signs: NDArray[np.int8]
    days: Ints

    def between(self, first: int, end: int) -> NDArray[np.bool_]:
        """Which rows lie in a stretch of time."""
        inside: NDArray[np.bool_] = (self.days >= first) & (self.days < end)
        return inside

    def level(self, rows: NDArray[np.bool_] | slice) -> Level:
        """The level of some of the rows."""
        return level_of(self.values[rows], self.signs[rows] < 0)


def find_movements(
    rows: Rows, windows: Windows | None, *, few: int, seed: int, check: Callable[[], None] = lambda: None
) -> tuple[Movement, ...]:
    """Every group and language, and all rows together, with what moved.

    Two questions are asked of each that has rows enough: is the latest time different from the time before, and is
    there a change of level anywhere? The answers of all are corrected together.

    Args:
        rows: The rows.
        windows: The stretches of time; None if there are no dates to speak of.
        few: Fewer dated rows than this are too few for a judgement.
        seed: Of the shuffles.
        check: Called often; it may raise to stop.
    """
    subjects = list(_subjects(rows, seed))
    movements = [_describe(one, windows, few) for one in subjects]
    if windows is None:
        return tuple(movements)
    asked = [place for place, one in enumerate(movements) if one.direction == "unmoved"]
    for place in asked:
        check()
        movements[place] = _test(subjects[place], movements[place], windows, seed)
    corrected = _correct(movements)
    return tuple(
        _judge(subject, movement, seed) if movement.direction == "unmoved" else movement
        for subject, movement in zip(subjects, corrected, strict=True)
    )


def _subjects(rows: Rows, seed: int) -> Iterator[Subject]:
    """All rows, then each group, then each language; rows of one day are in an order of chance."""
    order = numpy_stream(seed, "insights", "ties").permutation(len(rows))
    order = order[np.argsort(rows.days[order], kind="stable")]
    yield _subject("all", EVERYTHING, -1, rows, order)
    dimensions: Sequence[tuple[Dimension, Ints, tuple[str, ...]]] = (
        ("group", rows.groups, rows.group_names),
        ("language", rows.languages, rows.language_names),
    )
    for dimension, numbers, names in dimensions:
        by_number = order[np.argsort(numbers[order], kind="stable")]
        ends = np.searchsorted(numbers[by_number], np.arange(len(names) + 1))
        for place, name in enumerate(names):
            yield _subject(dimension, name, place, rows, by_number[ends[place] : ends[place + 1]])


def _subject(dimension: Dimension, name: str, place: int, rows: Rows, chosen: Ints) -> Subject:
    sentiment = rows.sentiment
    return Subject(dimension, name, place, sentiment.values[chosen], sentiment.signs[chosen], rows.days[chosen])


def _describe(subject: Subject, windows: Windows | None, few: int) -> Movement:
    """Levels and differences, nothing judged yet."""
    dated, whole = int(np.count_nonzero(subject.days != NO_DAY)), subject.level(slice(None))
    plain = Movement(subject.dimension, subject.name, subject.place, whole, dated, "undated")
    if windows is None or not dated:
        return plain
    before, latest = subject.between(windows.before, windows.latest), subject.between(windows.latest, windows.last + 1)
    rows = (int(before.sum()), int(latest.sum()))
    plain = replace(
        plain,
        direction="few" if dated < few or min(rows) < FEWEST_ROWS else "unmoved",
        before=subject.level(before) if rows[0] else None,
        latest=subject.level(latest) if rows[1] else None,
        points=tuple(_points(subject, windows)),
    )
    if min(rows) < 2:
        return plain
    sides = subject.values[before], subject.values[latest]
    return replace(plain, difference=difference(*sides), effect=standardised(*sides))


def _points(subject: Subject, windows: Windows) -> Iterator[Point]:
    first = int(np.searchsorted(subject.days, windows.first))  # rows without a date stand first
    numbers = period_numbers(subject.days[first:], windows.period)
    found, starts = np.unique(numbers, return_index=True)
    for number, start, end in zip(found, starts, [*starts[1:], len(numbers)], strict=True):
        yield Point(int(number), subject.level(slice(first + start, first + end)))


def _test(subject: Subject, movement: Movement, windows: Windows, seed: int) -> Movement:
    sides = [
        subject.values[subject.between(first, end)]
        for first, end in ((windows.before, windows.latest), (windows.latest, windows.last + 1))
    ]
    stream = numpy_stream(seed, "insights", "tests", subject.dimension, subject.name)
    series = _drawn(subject.values[subject.days != NO_DAY], stream)
    return replace(
        movement,
        p=_difference_p(sides[0], sides[1], stream),
        change_p=change_p(series, shuffles=SHUFFLES, stream=stream),
    )


def _difference_p(before: Floats, latest: Floats, stream: np.random.Generator) -> float:
    """Welch's t test where both sides have many rows, else a shuffle test, which is right for few."""
    if np.ptp(before) == 0 and np.ptp(latest) == 0 and before[0] == latest[0]:
        return 1.0
    if min(len(before), len(latest)) >= MANY_ROWS:
        return float(stats.ttest_ind(latest, before, equal_var=False).pvalue)
    before, latest = _drawn(before, stream), _drawn(latest, stream)
    values = np.concatenate([before, latest])
    mean = values.mean()

    def distance(orders: Floats) -> Floats:
        found: Floats = np.abs(orders[:, len(before) :].mean(axis=1) - mean)
        return found

    return shuffled_p(values, distance, shuffles=SHUFFLES, stream=stream)


def _drawn(values: Floats, stream: np.random.Generator) -> Floats:
    """As many values as are shuffled, in their order."""
    if len(values) <= _SHUFFLED_ROWS:
        return values
    return values[np.sort(stream.choice(len(values), _SHUFFLED_ROWS, replace=False))]


def _correct(movements: Sequence[Movement]) -> list[Movement]:
    """Both p-values of every tested group, corrected together."""
    tested = [one for one in movements if one.p is not None and one.change_p is not None]
    if not tested:
        return list(movements)
    raw = np.array([(one.p, one.change_p) for one in tested], dtype=np.float64)
    pairs = iter(stats.false_discovery_control(raw.ravel()).reshape(-1, 2))
    return [
        one if one.p is None else replace(one, corrected=float(pair[0]), change_corrected=float(pair[1]))
        for one in movements
        for pair in [next(pairs) if one.p is not None else (1.0, 1.0)]
    ]


def _judge(subject: Subject, movement: Movement, seed: int) -> Movement:
    """The direction of what is shown, the latest time before any change."""
    assert movement.corrected is not None, "what is judged was tested"
    assert movement.change_corrected is not None, "what is judged was tested"
    assert movement.difference is not None, "what was tested has rows on both sides"
    if movement.change_corrected <= ERROR_RATE:
        movement = replace(movement, changes=_changes(subject, seed))
    if movement.corrected <= ERROR_RATE:
        return replace(movement, direction=_direction(movement.difference))
    if movement.changes:
        return replace(movement, direction=_direction(movement.changes[-1].difference))
    return movement


def _direction(moved: Interval) -> Direction:
    return "worse" if moved.value < 0 else "better"


def _changes(subject: Subject, seed: int) -> tuple[Change, ...]:
    dated = np.flatnonzero(subject.days != NO_DAY)
    stream = numpy_stream(seed, "insights", "changes", subject.dimension, subject.name)
    if len(dated) > _SHUFFLED_ROWS:
        drawn = dated[np.sort(stream.choice(len(dated), _SHUFFLED_ROWS, replace=False))]
    else:
        drawn = dated
    found = find_changes(subject.values[drawn], shuffles=SHUFFLES, stream=stream)
    # a change lies between days: whole days are on one side of it
    moments = [int(subject.days[drawn[place]]) for place in found]
    edges = [int(subject.days[dated[0]]), *moments, int(subject.days[-1]) + 1]
    pieces = [subject.between(first, end) for first, end in zip(edges, edges[1:], strict=False)]
    return tuple(
        Change(
            day,
            subject.level(before),
            subject.level(after),
            difference(subject.values[before], subject.values[after]),
        )
        for day, before, after in zip(moments, pieces, pieces[1:], strict=False)
        if min(before.sum(), after.sum()) >= 2
    )
