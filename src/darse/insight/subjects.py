"""Rows to those that are looked at together, each in the order of time: all of them, every group, every language."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darse.evaluate.losses import Floats
from darse.insight.intervals import Level, level_of
from darse.insight.movement import EVERYTHING, Dimension
from darse.insight.periods import Ints
from darse.insight.rows import Rows
from darse.seeds import numpy_stream

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Subject:
    """Rows that are looked at together, in the order of time."""

    dimension: Dimension
    name: str
    place: int
    values: Floats
    signs: NDArray[np.int8]
    days: Ints

    def between(self, first: int, end: int) -> Mask:
        """Which rows lie in a stretch of time."""
        inside: Mask = (self.days >= first) & (self.days < end)
        return inside

    def level(self, rows: Mask | slice) -> Level:
        """The level of some of the rows."""
        return level_of(self.values[rows], self.signs[rows] < 0)


def subjects_of(rows: Rows, seed: int) -> Iterator[Subject]:
    """All rows, then each group, then each language; rows of one day are in an order of chance.

    Args:
        rows: The rows.
        seed: Of that order.
    """
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
