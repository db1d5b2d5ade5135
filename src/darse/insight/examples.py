"""Rows that show something to the few of them that are worth reading first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darse.evaluate.losses import Floats
from darse.insight.periods import Ints
from darse.insight.rows import NO_DAY, NO_NAME, Rows
from darse.insight.sample import Sample

SHOWN_ROWS = 6


@dataclass(frozen=True, slots=True)
class Example:
    """A row to read.

    Attributes:
        line: Where it stands in the file.
        day: Its day as an ordinal, or None.
        group: Its group, or None.
        value: Its sentiment.
        text: The beginning of its text.
    """

    line: int
    day: int | None
    group: str | None
    value: float
    text: str


def pick_examples(
    rows: Rows, sample: Sample, among: NDArray[np.bool_], first: Floats | None = None, *, best: bool = False
) -> tuple[Example, ...]:
    """The rows to read: the plainest ones first, and no text twice.

    Args:
        rows: All rows.
        sample: The texts that are held.
        among: Which of them to choose from, (texts,).
        first: How much each is wanted before the others, (texts,); the phrases that it has, for example.
        best: The best rows rather than the worst.
    """
    chosen = np.flatnonzero(among)
    values = rows.sentiment.values[sample.rows[chosen]]
    wanted = np.zeros(len(chosen)) if first is None else -first[chosen]
    order = np.lexsort((sample.rows[chosen], -sample.sure[chosen], -values if best else values, wanted))
    return tuple(_distinct(rows, sample, chosen[order]))


def _distinct(rows: Rows, sample: Sample, ordered: Ints) -> Iterator[Example]:
    seen: set[str] = set()
    for place in ordered:
        text, row = sample.texts[place], int(sample.rows[place])
        key = " ".join(text.casefold().split())
        if key in seen:
            continue
        seen.add(key)
        day, group = int(rows.days[row]), int(rows.groups[row])
        yield Example(
            line=int(rows.lines[row]),
            day=day if day != NO_DAY else None,
            group=rows.group_names[group] if group != NO_NAME else None,
            value=float(rows.sentiment.values[row]),
            text=text,
        )
        if len(seen) == SHOWN_ROWS:
            return
