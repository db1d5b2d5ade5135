"""A file to the rows that have a text and a sentiment, the same ones at every reading; the others are counted."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass

from darse.data.labels import parse_label, parse_score, parse_text
from darse.data.read import read_rows
from darse.data.row import Cell, Row, RowRefused
from darse.data.tally import Tally
from darse.insight.columns import Readable

MAX_TEXT_CHARACTERS = 100_000
_MOST_KNOWN = 1000


@dataclass(frozen=True, slots=True)
class UsableRow:
    """A row with its text, and its class and its score as far as there are columns of them."""

    row: Row
    text: str
    label: str | None
    score: float | None


def usable_rows(file: Readable, tally: Tally) -> Generator[UsableRow, None, None]:
    """The usable rows of a file, one after another.

    Args:
        file: The file.
        tally: Counts all rows and those that cannot be used.

    Raises:
        DataError: The file cannot be read to its end.
    """
    columns, mark = file.columns, file.columns.used.decimal_mark
    known: dict[str, str] = {}
    with closing(read_rows(file.path, file.reading)) as rows:
        for row in rows:
            tally.rows += 1
            cells = row.cells
            try:
                if row.problem is not None:
                    raise RowRefused(row.problem)
                text = parse_text(cells.get(columns.text), part="text", max_characters=MAX_TEXT_CHARACTERS)
                label = None if columns.label is None else _label(cells.get(columns.label), known)
                score = None if columns.score is None else parse_score(cells.get(columns.score), mark)
            except RowRefused as refused:
                tally.reject(row.line, refused.reason, refused.value)
            else:
                yield UsableRow(row, text, label, score)


def _label(cell: Cell, known: dict[str, str]) -> str:
    """The class of a cell; a name is looked at closely once."""
    if not isinstance(cell, str):
        return parse_label(cell, None)
    label = known.get(cell)
    if label is None:
        label = parse_label(cell, None)
        if len(known) < _MOST_KNOWN:
            known[cell] = label
    return label
