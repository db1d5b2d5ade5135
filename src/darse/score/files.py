"""A file of texts to a file of scores, in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from darse.data.carry import Value, as_value
from darse.data.example import Columns, Task
from darse.data.kinds import Record, find_kinds
from darse.data.labels import parse_text
from darse.data.parquet import ArrowRow, read_schema, row_count
from darse.data.read import read_rows
from darse.data.row import Row, RowRefused
from darse.data.source import naming
from darse.data.write import write_beside, write_rows, writing_lines
from darse.errors import DataError
from darse.score.kept import Kept
from darse.score.scorable import Scorable
from darse.score.scorer import MAX_TEXT_CHARACTERS, Score, Scorer

CHUNK_ROWS = 1024
"""Rows in memory at once: enough to sort by length, few enough to be forgotten, and to be scored again after a kill."""

_Scored = tuple[Mapping[str, Value], Record]
"""What a row holds, and what is said of it."""


@dataclass(frozen=True, slots=True)
class FileScored:
    """What came of a file.

    Attributes:
        rows: Rows scored and written.
        rejected: Rows that could not be scored; they are in the side file.
        rejects: The side file, or None if there are no rejects.
    """

    rows: int
    rejected: int
    rejects: Path | None


def score_file(
    scorer: Scorer,
    file: Scorable,
    *,
    neutralise_formulas: bool = True,
    keep: bool = False,
    progress: Callable[[int], None] = lambda rows: None,
    check: Callable[[], None] = lambda: None,
) -> FileScored:
    """Score every row of a file in constant memory; order and other columns are kept.

    The result appears when it is complete. What is scored until then may be kept in a hidden folder beside it, so that
    work that was stopped or killed is not done again; the folder goes when the result is there.

    Args:
        scorer: The scorer.
        file: What to read, and where to write.
        neutralise_formulas: In a CSV or TSV, put `'` before text that a spreadsheet would run as a formula.
        keep: Keep what is scored of a file that is not done.
        progress: Told the rows done, now and then.
        check: Called often; it may raise to stop.

    Raises:
        DataError: The file cannot be read, or not one row of it can be scored.
        StoreError: The result cannot be written.
    """
    kept = Kept(file.unfinished if keep else None, scorer.digest, len(_values_of(scorer.task)))
    kept.refuse_foreign()
    with writing_lines(file.side) as reject, closing(read_rows(file.source, file.reading, whole=True)) as rows:
        job = _Job(scorer, file.columns, file.added, _Rejects(reject), kept, progress, check)
        with naming(file.source):
            count = _write(file, job.run(rows), check, neutralise_formulas=neutralise_formulas)
    kept.forget()
    if not job.rejects.count:
        file.side.unlink(missing_ok=True)  # of an earlier run
    return FileScored(count, job.rejects.count, file.side if job.rejects.count else None)


def count_rows(file: Scorable, check: Callable[[], None] = lambda: None) -> int:
    """How many rows a file has; it is read once, so that what cannot be read is told before the first row is scored.

    Args:
        file: The file.
        check: Called often; it may raise to stop.

    Raises:
        DataError: The file cannot be read to its end.
    """
    if file.source.suffix.casefold() == ".parquet":
        return row_count(file.source)
    with closing(read_rows(file.source, file.reading, whole=True)) as rows:
        return sum(1 for _ in _watched(rows, check))


def _write(file: Scorable, rows: Iterator[_Scored], check: Callable[[], None], *, neutralise_formulas: bool) -> int:
    """Write the source's columns and the added ones; Parquet to Parquet keeps the source's own types."""
    is_parquet = file.out.suffix.casefold() == ".parquet"
    kinds: dict[str, type] = {given: str if name == "label" else float for name, given in file.added.items()}
    if is_parquet and file.source.suffix.casefold() == ".parquet":
        beside = cast(Iterator[tuple[ArrowRow, Record]], rows)  # what the reader of Parquet carries
        return write_beside(file.out, read_schema(file.source), kinds, beside)
    if is_parquet:
        with closing(read_rows(file.source, file.reading, whole=True)) as whole:
            kinds |= find_kinds(row.carried for row in _watched(whole, check) if row.carried is not None)
    return write_rows(
        file.out,
        [*file.names, *file.added.values()],
        ({**carried, **fields} for carried, fields in rows),
        kinds=kinds,
        separator=file.separator,
        neutralise_formulas=neutralise_formulas,
    )


def _watched(rows: Iterator[Row], check: Callable[[], None]) -> Iterator[Row]:
    for row in rows:
        check()
        yield row


class _Rejects:
    def __init__(self, put: Callable[[Mapping[str, Value]], None]) -> None:
        self.count = 0
        self.first = ""
        self._put = put

    def add(self, line: int, reason: str) -> None:
        self.first = self.first or f"line {line}: {reason}"
        self.count += 1
        self._put({"line": line, "reason": reason})


@dataclass(frozen=True)
class _Job:
    scorer: Scorer
    columns: Columns
    added: Mapping[str, str]
    rejects: _Rejects
    kept: Kept
    progress: Callable[[int], None]
    check: Callable[[], None]

    def run(self, rows: Iterator[Row]) -> Iterator[_Scored]:
        done = 0
        while chunk := list(islice(rows, CHUNK_ROWS)):
            usable = list(self._usable(chunk))
            texts = [entry[1] for entry in usable]
            targets = [entry[2] for entry in usable] if self.columns.target is not None else None
            found = self._values(texts, targets) if usable else ()
            for (row, _, _), values in zip(usable, found, strict=True):
                yield _carried(row), self._fields(values.tolist())
            done += len(chunk)
            self.progress(done)
        if done == self.rejects.count:
            raise DataError(f"not one of the {done:,} rows can be scored; the first: {self.rejects.first}")

    def _usable(self, chunk: Iterable[Row]) -> Iterator[tuple[Row, str, str]]:
        for row in chunk:
            try:
                if row.problem is not None:
                    raise RowRefused(row.problem)
                text = self._text(row, self.columns.text, "text")
                target = "" if self.columns.target is None else self._text(row, self.columns.target, "target")
                yield row, text, target
            except RowRefused as refused:
                self.rejects.add(row.line, refused.reason)

    def _text(self, row: Row, column: str, part: str) -> str:
        return parse_text(row.cells.get(column), part=part, max_characters=MAX_TEXT_CHARACTERS)

    def _values(self, texts: list[str], targets: list[str] | None) -> NDArray[np.float64]:
        """A row of `_values_of` for each text, kept ones where they are there."""
        self.check()
        found = self.kept.find(texts, targets)
        if found is None:
            said = self.scorer.score(texts, targets, check=self.check)
            names = _values_of(self.scorer.task)
            found = np.array([[_value(one, name) for name in names] for one in said], dtype=np.float64)
            found = found.reshape(len(texts), len(names))
            self.kept.put(texts, targets, found)
        return found

    def _fields(self, values: Sequence[float]) -> dict[str, Value]:
        task = self.scorer.task
        fields: dict[str, Value] = dict(zip(_values_of(task), values, strict=True))
        if task.classes:
            probabilities = values[-len(task.classes) :]
            fields["label"] = task.classes[probabilities.index(max(probabilities))]
        return {given: fields[name] for name, given in self.added.items()}


def _values_of(task: Task) -> list[str]:
    """Names of the numbers that are said of a row."""
    return [*(["score"] if task.has_score else []), *(f"probability {name}" for name in task.classes)]


def _value(said: Score, name: str) -> float:
    value = said.score if name == "score" else said.probabilities[name.removeprefix("probability ")]
    assert value is not None, "an adapter with a score says one"
    return value


def _carried(row: Row) -> Mapping[str, Value]:
    if row.carried is not None:
        return row.carried
    return {name: as_value(value) for name, value in row.cells.items()}
