"""A file to a few numbers for each row: its group, its language, its day and its sentiment; no text is kept."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darse.data.carry import is_plain
from darse.data.labels import parse_group
from darse.data.row import Cell, RowRefused
from darse.data.source import naming
from darse.data.tally import Tally
from darse.errors import DataError
from darse.insight.columns import Readable
from darse.insight.dates import AMBIGUOUS, parse_day
from darse.insight.periods import Ints
from darse.insight.sentiment import Sentiment, Wanted, read_sentiment
from darse.insight.usable import UsableRow, usable_rows
from darse.names import printable

NO_DAY = 0
NO_NAME = -1
_MOST_NAMES = 10_000
"""Different groups at the most: a column with more names single rows."""
_MOST_CLASSES = 200
_CHECKED_ROWS = 4096
_SHOWN_LINES = 3
_MOST_NAME_CHARACTERS = 1000


@dataclass(frozen=True)
class Dropped:
    """What could not be used, by reason, and the first ones of it for people."""

    reasons: Mapping[str, int]
    first: str

    @property
    def amount(self) -> int:
        """How many there are."""
        return sum(self.reasons.values())


@dataclass(frozen=True)
class Rows:
    """Every usable row of a file, in its order, as columns of numbers.

    Attributes:
        lines: Where each stood in the file.
        days: Its day as an ordinal; `NO_DAY` without one.
        groups: Place of its group in `group_names`; `NO_NAME` without one.
        languages: The same of its language.
        group_names: The groups.
        language_names: The languages.
        sentiment: What it says.
        read: Rows read, rejected ones counted.
        rejected: Rows that cannot be used.
        misdated: Rows whose date cannot be read; they count everywhere else.
    """

    lines: Ints
    days: Ints
    groups: Ints
    languages: Ints
    group_names: tuple[str, ...]
    language_names: tuple[str, ...]
    sentiment: Sentiment
    read: int
    rejected: Dropped
    misdated: Dropped

    def __len__(self) -> int:
        return len(self.lines)


def gather_rows(file: Readable, wanted: Wanted, *, check: Callable[[], None] = lambda: None) -> Rows:
    """Read a file once; about forty bytes a row are kept.

    Args:
        file: The file.
        wanted: What the user says of classes and scale.
        check: Called often; it may raise to stop.

    Raises:
        DataError: The file cannot be read, no row or most of its dates cannot be used, or its classes mean nothing.
    """
    gathered = _Gathered(file)
    with naming(file.path), closing(usable_rows(file, gathered.tally)) as rows:
        for row in rows:
            gathered.add(row)
            if len(gathered.lines) % _CHECKED_ROWS == 0:
                check()
        return gathered.finish(wanted)


class _Names:
    """Names to numbers, in the order of appearance."""

    def __init__(self, what: str, most: int) -> None:
        self.numbers: dict[str, int] = {}
        self._what, self._most = what, most

    def number(self, name: str | None) -> int:
        if name is None:
            return NO_NAME
        found = self.numbers.get(name)
        if found is None:
            found = self.numbers[name] = len(self.numbers)
            if found >= self._most:
                raise DataError(f"the column has more than {self._most:,} different values; name another {self._what}")
        return found


class _Gathered:
    """The columns of numbers while a file is read."""

    def __init__(self, file: Readable) -> None:
        self._columns = file.columns
        self.tally, self._dates = Tally(), Tally()
        self._group = _Names("--by", _MOST_NAMES)
        self._language = _Names("--lang", _MOST_NAMES)
        self._class = _Names("--label", _MOST_CLASSES)
        self.lines, self._days = array("q"), array("i")
        self._groups, self._languages, self._labels = array("i"), array("i"), array("i")
        self._scores = array("d")

    def add(self, usable: UsableRow) -> None:
        columns, cells = self._columns, usable.row.cells
        self.lines.append(usable.row.line)
        self._days.append(self._day(cells.get(columns.time), usable.row.line) if columns.time else NO_DAY)
        self._groups.append(self._group.number(_name(cells.get(columns.by))) if columns.by else NO_NAME)
        self._languages.append(self._language.number(_name(cells.get(columns.lang))) if columns.lang else NO_NAME)
        if usable.label is not None:
            self._labels.append(self._class.number(usable.label))
        if usable.score is not None:
            self._scores.append(usable.score)

    def _day(self, cell: Cell, line: int) -> int:
        try:
            return parse_day(cell) or NO_DAY
        except RowRefused as refused:
            self._dates.reject(line, refused.reason, refused.value)
            return NO_DAY

    def finish(self, wanted: Wanted) -> Rows:
        if not self.lines:
            raise DataError(f"not one row can be used ({self.tally.first(1) or 'there is none'})")
        self._refuse_dates()
        labels = np.frombuffer(self._labels, dtype=np.int32) if self._labels else None
        scores = np.frombuffer(self._scores, dtype=np.float64) if self._scores else None
        return Rows(
            lines=_numbers(self.lines),
            days=_numbers(self._days),
            groups=_numbers(self._groups),
            languages=_numbers(self._languages),
            group_names=tuple(self._group.numbers),
            language_names=tuple(self._language.numbers),
            sentiment=read_sentiment(scores, labels, tuple(self._class.numbers), wanted),
            read=self.tally.rows,
            rejected=_dropped(self.tally),
            misdated=_dropped(self._dates),
        )

    def _refuse_dates(self) -> None:
        """Refuse a column of dates most of which cannot be read; a few are told."""
        dated = sum(1 for day in self._days if day != NO_DAY)
        if self._dates.rejected <= dated:
            return
        column, first = printable(self._columns.time or ""), self._dates.first(1)
        told = f"{self._dates.rejected:,} dates in {column!r} cannot be read"
        if AMBIGUOUS in self._dates.reasons:
            raise DataError(f"{told}: day first and month first look alike; write them as 2025-04-30 ({first})")
        raise DataError(f"{told}; write them as 2025-04-30 or 2025-04-30T16:05:00Z, or name another --time ({first})")


def _name(cell: Cell) -> str | None:
    """The name in a cell as every file can hold it; None where there is none."""
    try:
        name = parse_group(cell)
    except RowRefused:
        return None
    return name if name is None or is_plain(name) else printable(name, _MOST_NAME_CHARACTERS)


def _numbers(values: array[int]) -> Ints:
    numbers: NDArray[np.int64] = np.array(values, dtype=np.int64)
    return numbers


def _dropped(tally: Tally) -> Dropped:
    return Dropped(dict(tally.reasons), tally.first(_SHOWN_LINES))
