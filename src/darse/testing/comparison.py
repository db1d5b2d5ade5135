"""Several entries on one data set to a comparison: differences, flips, rank plans, and who is beaten in everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from darse.errors import InputError
from darse.testing.difference import Difference, Flip, SliceDifference, difference_of, flips_of, slice_differences
from darse.testing.entry import Facts
from darse.testing.matrix import Table
from darse.testing.quality import Judged, judge_cell
from darse.testing.slices import find_slices

_SAME_SPEED = 1.2
"""Times of two passes that differ by less are those of one machine on two occasions."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One entry held against the first.

    Attributes:
        first: Name of the entry that it is held against.
        second: Its name.
        difference: How much better it is.
        slices: The same on each slice.
        flips: Rows on which they differ, the largest change first.
    """

    first: str
    second: str
    difference: Difference
    slices: tuple[SliceDifference, ...]
    flips: tuple[Flip, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """An entry by what it costs and what it is worth.

    Attributes:
        name: Of the entry.
        loss: Mean loss of the metric that is compared, lower is better.
        parameters: Of its pairs; None where that has no meaning.
        ms: Milliseconds of a row.
        beaten_by: An entry that is at least as good in all three and better in one; empty where there is none.
    """

    name: str
    loss: float
    parameters: int | None
    ms: float
    beaten_by: str = ""


@dataclass(frozen=True)
class Comparison:
    """Entries compared on one data set.

    Attributes:
        table: Their figures.
        metric: What pairs are compared by.
        pairs: Every other entry against the first.
        points: Quality, parameters and milliseconds of each.
        ranks: Rank of each entry by layer or module; absent is 0.
    """

    table: Table
    metric: str
    pairs: tuple[Pair, ...]
    points: tuple[Point, ...]
    ranks: Mapping[str, Mapping[str, int]]


def compare_entries(table: Table, *, slices: Sequence[str] = (), metric: str | None = None) -> Comparison:
    """Hold every other adapter of a table against its first one; reference points stay in the table alone.

    Args:
        table: The adapters on one data set.
        slices: What to slice by.
        metric: `accuracy`, `mse` or `mae`; None takes what the first is judged by.

    Raises:
        InputError: There are fewer than two adapters, or the metric is not theirs.
    """
    cells = [cell for cell in table.cells if cell.facts.kind == "adapter"]
    entries = [cell.facts for cell in cells]
    if len(cells) < 2:
        names = ", ".join(one.name for one in entries) or "none"
        reasons = "; ".join(one.reason for one in table.missing[:2])
        raise InputError(f"{table.data.name} has answers of {names} alone; two can be compared ({reasons})")
    judged = [judge_cell(cell, table.data) for cell in cells]
    metric = metric or judged[0].metric
    for facts, one in zip(entries, judged, strict=True):
        refuse_metric(one, metric, facts.name)
    parts = find_slices(table.data, slices)
    first = entries[0].name
    pairs = [
        Pair(
            first,
            facts.name,
            difference_of(judged[0].losses(metric), one.losses(metric), metric),
            tuple(slice_differences(judged[0], one, parts, metric)),
            tuple(flips_of(judged[0], one, table.data, metric)),
        )
        for facts, one in zip(entries[1:], judged[1:], strict=True)
    ]
    points = pareto(
        [
            Point(facts.name, float(one.losses(metric).mean()), facts.parameters, one.cell.ms)
            for facts, one in zip(entries, judged, strict=True)
        ]
    )
    return Comparison(table, metric, tuple(pairs), tuple(points), rank_plans(entries))


def refuse_metric(judged: Judged, metric: str, name: str) -> None:
    """See that an entry has losses of a metric.

    Raises:
        InputError: It has not.
    """
    needs = "a class" if metric == "accuracy" else "a score"
    has = bool(judged.task.classes) if metric == "accuracy" else judged.task.has_score
    if metric not in {"accuracy", "mse", "mae"} or not has:
        raise InputError(f"{name} cannot be compared by {metric}, which needs {needs} in the answers and in the file")


def pareto(points: Sequence[Point]) -> list[Point]:
    """The points, each with one that beats it in everything, if there is one.

    Entries without parameters of their own are never beaten by, nor beat, others in that.

    >>> [one.beaten_by for one in pareto([Point("a", 0.2, 10, 1.0), Point("b", 0.2, 20, 1.0)])]
    ['', 'a']
    """
    return [
        Point(one.name, one.loss, one.parameters, one.ms, next((o.name for o in points if _beats(o, one)), ""))
        for one in points
    ]


def rank_plans(entries: Sequence[Facts]) -> dict[str, dict[str, int]]:
    """Rank of each entry by layer or module, for all places that any of them has."""
    places = dict.fromkeys(place for facts in entries for place in facts.ranks)
    ordered = sorted(places, key=lambda place: (int("".join(filter(str.isdigit, place)) or 0), place))
    return {place: {facts.name: facts.ranks.get(place, 0) for facts in entries if facts.ranks} for place in ordered}


def _beats(one: Point, other: Point) -> bool:
    """Whether a point is at least as good as another in everything, and better in something."""
    if (one.parameters is None) != (other.parameters is None):
        return False
    size, other_size = one.parameters or 0, other.parameters or 0
    is_slower, is_faster = one.ms > _SAME_SPEED * other.ms, _SAME_SPEED * one.ms < other.ms
    if one.loss > other.loss or size > other_size or is_slower:
        return False
    return one.loss < other.loss or size < other_size or is_faster
