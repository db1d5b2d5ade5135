"""A labelled file to the rows that adapters are judged on, with the cells that slices go by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain, islice
from typing import Literal

from darse.amounts import plural
from darse.data.columns import SAMPLE_ROWS, choose_columns
from darse.data.duplicates import drop_duplicates
from darse.data.example import Columns
from darse.data.labelled import LabelledRow, parse_row, text_key
from darse.data.reading import Reading
from darse.data.row import Cell, Row, RowRefused, Unusable
from darse.data.source import Source, naming, open_source
from darse.data.tally import Tally
from darse.errors import DataError
from darse.names import folder_name, printable
from darse.settings import DataSettings

Wanted = Literal["auto", "all", "train", "valid", "test"]
"""Rows of a source with official splits: `auto` takes the test rows if there are any, else all."""
Learned = Literal["learned"]
"""Its training rows if it has splits, else all."""
_LONGEST_CELL = 60
"""Characters of a cell that slices go by; longer ones are no names of groups."""


@dataclass(frozen=True)
class Dataset:
    """Rows that adapters are judged on.

    Attributes:
        name: What a table calls it.
        source: Where it is from, as the user named it.
        columns: Column of each part; None for texts that were served.
        rows: The rows, no two of the same text and target.
        cells: Value of each row by column, for slices; empty texts where there is none.
        digest: SHA-256 over the columns and the rows.
        notes: What was left out, and why, in plain sentences.
    """

    name: str
    source: str
    columns: Columns | None
    rows: tuple[LabelledRow, ...]
    cells: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    digest: str = ""
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """How many rows."""
        return len(self.rows)

    @property
    def has_label(self) -> bool:
        """Whether the rows have a class."""
        return self.columns is not None and self.columns.label is not None

    @property
    def has_score(self) -> bool:
        """Whether the rows have a score."""
        return self.columns is not None and self.columns.score is not None

    @property
    def texts(self) -> list[str]:
        """The texts in their order."""
        return [row.text for row in self.rows]

    @property
    def targets(self) -> list[str] | None:
        """The targets in the order of the texts; None if a row has none."""
        found = [row.target for row in self.rows if row.target is not None]
        return found if len(found) == len(self.rows) else None


def read_dataset(
    source: Source, settings: DataSettings, *, name: str | None = None, part: Wanted | Learned = "auto"
) -> Dataset:
    """Read a labelled source; every row is judged on, or counted in the notes with its reason.

    Rows with the text (and target) of an earlier one are left out, as in training: intervals and tests take rows for
    independent. Rows of one text that contradict each other are left out too.

    Args:
        source: As `darse explore` takes it.
        settings: Columns, label table, how a file is read.
        name: What a table calls it; by default after the source.
        part: Which rows of a source with official splits.

    Raises:
        DataError: It cannot be read, its columns cannot be told, or not one row is left.
    """
    with open_source(source, Reading.of(settings)) as opened, naming(opened.name):
        sample = list(islice(opened.rows, SAMPLE_ROWS))
        if not sample:
            raise DataError("the source has no rows")
        columns = choose_columns([row for row in sample if row.problem is None] or sample, settings)
        tally = Tally()
        parsed: list[tuple[LabelledRow, Row]] = []
        for row in chain(sample, opened.rows):
            tally.rows += 1
            if tally.rows > settings.max_rows:
                raise DataError(f"there are more than {settings.max_rows:,} rows; raise max_rows or give fewer")
            try:
                parsed.append((parse_row(row, columns, settings), row))
            except RowRefused as refused:
                tally.reject(row.line, refused.reason, refused.value)
        parsed, notes = _of_part(parsed, part)
        kept, more = _unique(parsed, tally)
        if not kept:
            raise DataError(
                f"not one of {plural(tally.rows, 'row')} can be used ({tally.first(3) or 'no row is left'})"
            )
    rows = tuple(row for row, _ in kept)
    return Dataset(
        name=name or folder_name(opened.name),
        source=opened.name,
        columns=columns,
        rows=rows,
        cells=_cells([raw for _, raw in kept], columns),
        digest=_digest(columns, rows),
        notes=(*notes, *more),
    )


def dataset_of_texts(name: str, texts: Sequence[str], targets: Sequence[str | None]) -> Dataset:
    """Texts that nobody has labelled, as a data set.

    >>> len(dataset_of_texts("served", ["good", "bad"], [None, None]))
    2
    """
    rows = tuple(
        LabelledRow(place, text, target, None, None, None, None, text_key(text, target))
        for place, (text, target) in enumerate(zip(texts, targets, strict=True), 1)
    )
    return Dataset(name, name, None, rows, digest=_digest(None, rows))


def _of_part(
    parsed: list[tuple[LabelledRow, Row]], part: Wanted | Learned
) -> tuple[list[tuple[LabelledRow, Row]], tuple[str, ...]]:
    """The rows of the part that is asked for."""
    splits = {row.split for row, _ in parsed}
    chosen: str = part
    if part == "auto":
        chosen = "test" if "test" in splits else "all"
    if part == "learned":
        chosen = "all" if splits == {None} else "train"
    if chosen == "all":
        return parsed, ()
    if chosen not in splits:
        raise DataError(f"no row is of the split {chosen}; give --rows all, or name the column with --split")
    left = [one for one in parsed if one[0].split == chosen]
    others = len(parsed) - len(left)
    return left, ((f"{plural(others, 'row')} of other splits than {chosen} left out",) if others else ())


def _unique(parsed: Sequence[tuple[LabelledRow, Row]], tally: Tally) -> tuple[list[tuple[LabelledRow, Row]], list[str]]:
    """The rows of which no two say the same thing, and what was left out."""
    unique = drop_duplicates([row for row, _ in parsed])
    stays = {id(row) for row in unique.rows}
    notes = [f"{plural(count, 'row')} left out: {reason}" for reason, count in tally.reasons.most_common()]
    if unique.duplicates:
        notes.append(f"{plural(unique.duplicates, 'row')} left out: the text stood before")
    if unique.conflicts:
        notes.append(f"{plural(unique.conflicts, 'row')} left out: the same text has different labels")
    return [one for one in parsed if id(one[0]) in stays], notes


def _cells(rows: Sequence[Row], columns: Columns) -> dict[str, tuple[str, ...]]:
    """What slices may go by: every column but the text."""
    names = dict.fromkeys(name for row in rows for name in row.cells if name != columns.text)
    return {name: tuple(_written(row.cells.get(name)) for row in rows) for name in names}


def _written(cell: Cell) -> str:
    if cell is None or isinstance(cell, Unusable):
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return printable(str(cell), _LONGEST_CELL)


def _digest(columns: Columns | None, rows: Sequence[LabelledRow]) -> str:
    """SHA-256 over canonical JSON, one value a line; the line of a row is part of it, since flips are told by line."""
    digest = hashlib.sha256()
    used = None if columns is None else {part: name for part, name in asdict(columns).items() if part != "guessed"}
    for value in (["darse cells 1", used], *([row.line, row.text, row.target, row.label, row.score] for row in rows)):
        digest.update(json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=True).encode() + b"\n")
    return digest.hexdigest()
