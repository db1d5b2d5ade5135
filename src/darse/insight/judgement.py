"""Rows and stretches of time to how each group moved, tested for all of them together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from darse.evaluate.losses import Floats
from darse.insight.changes import FEWEST_ROWS, change_p, find_changes
from darse.insight.intervals import MANY_ROWS, difference, standardised
from darse.insight.movement import Change, Movement, Point
from darse.insight.periods import period_numbers
from darse.insight.rows import NO_DAY, Rows
from darse.insight.shuffles import shuffled_p
from darse.insight.subjects import Mask, Subject, subjects_of
from darse.insight.windows import Windows
from darse.seeds import numpy_stream

ERROR_RATE = 0.05
"""Of the groups that are said to have moved, so many are expected to be false at the most (Benjamini and Hochberg)."""
SMALLEST_EFFECT = 0.05
"""In standard deviations; what is smaller is not called a move, however many rows make it sure."""
SHUFFLES = 19_999
"""At the most; most groups need a few dozen until it is clear that nothing is shown."""
_SHUFFLED_ROWS = 2000
"""Rows of a group that are shuffled at the most, drawn at random: enough to see a sixth of a standard deviation."""
_Number = TypeVar("_Number", np.float64, np.int64)


def find_movements(
    rows: Rows, windows: Windows | None, *, few: int, seed: int, check: Callable[[], None] = lambda: None
) -> tuple[Movement, ...]:
    """Every group and language, and all rows together, with what moved.

    Two questions are asked of each that has rows enough: is the latest time different from the time before, and is
    there a change of level anywhere? The p-value of a group is twice the smaller one (Bonferroni), and those of all
    groups are corrected together (Benjamini and Hochberg 1995).

    Args:
        rows: The rows.
        windows: The stretches of time; None if there are no dates to speak of.
        few: Fewer dated rows than this are too few for a judgement.
        seed: Of the shuffles.
        check: Called often; it may raise to stop.
    """
    subjects = list(subjects_of(rows, seed))
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
        sides = [number for side in (latest, before) for number in (side.mean(), side.std(ddof=1), len(side))]
        return float(stats.ttest_ind_from_stats(*sides, equal_var=False).pvalue)
    before, latest = _drawn(before, stream), _drawn(latest, stream)
    values = np.concatenate([before, latest])
    mean = values.mean()

    def distance(orders: Floats) -> Floats:
        found: Floats = np.abs(orders[:, len(before) :].mean(axis=1) - mean)
        return found

    return shuffled_p(values, distance, shuffles=SHUFFLES, stream=stream)


def _drawn(values: NDArray[_Number], stream: np.random.Generator) -> NDArray[_Number]:
    """As many values as are shuffled, in their order."""
    if len(values) <= _SHUFFLED_ROWS:
        return values
    return values[np.sort(stream.choice(len(values), _SHUFFLED_ROWS, replace=False))]


def _correct(movements: Sequence[Movement]) -> list[Movement]:
    """One p-value for each tested group, twice the smaller of its two, and those corrected together.

    Were both p-values of each group corrected together, a group that moved would count twice and let others pass.
    """
    both = [2 * min(one.p, one.change_p) for one in movements if one.p is not None and one.change_p is not None]
    corrected = iter(stats.false_discovery_control(np.minimum(1.0, both)) if both else ())
    return [one if one.p is None else replace(one, corrected=float(next(corrected))) for one in movements]


def _judge(subject: Subject, movement: Movement, seed: int) -> Movement:
    """The direction of what is shown: that of the surer one of the two answers."""
    p, change_p, effect = movement.p, movement.change_p, movement.effect or 0.0
    assert p is not None, "what is judged was tested"
    assert change_p is not None, "what is judged was tested"
    assert movement.corrected is not None, "what is judged was tested"
    if movement.corrected > ERROR_RATE:
        return movement
    if change_p <= ERROR_RATE / 2:
        movement = replace(movement, changes=_changes(subject, seed))
    if movement.changes and change_p <= p:
        return replace(movement, direction="worse" if movement.changes[-1].difference.value < 0 else "better")
    if p <= ERROR_RATE / 2 and abs(effect) >= SMALLEST_EFFECT:
        return replace(movement, direction="worse" if effect < 0 else "better")
    return movement


def _changes(subject: Subject, seed: int) -> tuple[Change, ...]:
    """The changes of a group; each lies between two days, so that whole days are on one side of it."""
    stream = numpy_stream(seed, "insights", "changes", subject.dimension, subject.name)
    dated = np.flatnonzero(subject.days != NO_DAY)
    drawn = _drawn(dated, stream)
    found = find_changes(subject.values[drawn], shuffles=SHUFFLES, stream=stream)
    moments = [int(subject.days[drawn[place]]) for place in found]
    edges = [int(subject.days[dated[0]]), *moments, int(subject.days[-1]) + 1]
    pieces = [subject.between(first, end) for first, end in pairwise(edges)]
    changes = [
        _change(subject, day, before, after)
        for day, (before, after) in zip(moments, pairwise(pieces), strict=True)
        if min(before.sum(), after.sum()) >= FEWEST_ROWS
    ]
    return tuple(one for one in changes if abs(one.effect or 0.0) >= SMALLEST_EFFECT)


def _change(subject: Subject, day: int, before: Mask, after: Mask) -> Change:
    sides = subject.values[before], subject.values[after]
    return Change(day, subject.level(before), subject.level(after), difference(*sides), standardised(*sides))
