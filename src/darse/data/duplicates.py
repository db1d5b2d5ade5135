"""Labelled rows to labelled rows of which no two say the same thing, so that nothing leaks between splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from darse.data.labelled import LabelledRow

MAX_SCORE_DIFFERENCE = 0.1
"""Scores of the same text that differ by more than this part of the score range contradict each other."""
_PRECEDENCE: Mapping[str | None, int] = {"test": 0, "valid": 1, "train": 2, None: 0}


@dataclass(frozen=True)
class Unique:
    """What is left.

    Attributes:
        rows: Rows in their order, no two with the same text and target.
        duplicates: Rows left out because one with the same text and target stays.
        conflicts: Rows left out, all of their kind, because their labels or scores contradict each other.
    """

    rows: list[LabelledRow]
    duplicates: int
    conflicts: int


def drop_duplicates(rows: Sequence[LabelledRow]) -> Unique:
    """Keep one row of each text (and target), and none where the labels contradict each other.

    The first stays; across official splits the one in test stays before the one in valid before the one in
    train, because a text must not be learned and then judged by.
    """
    by_key: dict[bytes, int] = {}
    repeated: dict[int, list[int]] = {}
    for position, row in enumerate(rows):
        first = by_key.setdefault(row.key, position)
        if first != position:
            repeated.setdefault(first, [first]).append(position)
    tolerance = MAX_SCORE_DIFFERENCE * _score_range(rows)
    dropped: set[int] = set()
    conflicts = 0
    for positions in repeated.values():
        same = [rows[position] for position in positions]
        if _contradict(same, tolerance):
            conflicts += len(positions)
            dropped.update(positions)
        else:
            kept = min(positions, key=lambda position: (_PRECEDENCE[rows[position].split], position))
            dropped.update(position for position in positions if position != kept)
    left = [row for position, row in enumerate(rows) if position not in dropped]
    return Unique(left, len(dropped) - conflicts, conflicts)


def _score_range(rows: Sequence[LabelledRow]) -> float:
    scores = [row.score for row in rows if row.score is not None]
    return max(scores) - min(scores) if scores else 0.0


def _contradict(rows: Sequence[LabelledRow], tolerance: float) -> bool:
    return len({row.label for row in rows}) > 1 or _score_range(rows) > tolerance
