"""A file of texts to a file of scores, in constant memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import cast

from darse.data.carry import Value, as_value
from darse.data.columns import SAMPLE_ROWS, choose_text
from darse.data.example import Columns, Task
from darse.data.kinds import Record, find_kinds
from darse.data.labels import parse_text
from darse.data.parquet import ArrowRow, read_schema
from darse.data.read import read_columns, read_rows
from darse.data.row import Row, RowRefused
from darse.data.source import naming
from darse.data.write import write_beside, write_rows, writing_lines
from darse.errors import DataError, InputError
from darse.score.scorer import MAX_TEXT_CHARACTERS, Score, Scorer
from darse.settings import DataSettings

CHUNK_ROWS = 2048
"""Rows in memory at once: enough to sort by length, few enough to be forgotten."""
_MAX_REJECT_BYTES = 1 << 16

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
    source: Path,
    out: Path,
    *,
    text: str | None = None,
    target: str | None = None,
    neutralise_formulas: bool = True,
    chosen: Callable[[Columns], None] = lambda columns: None,
    progress: Callable[[int], None] = lambda rows: None,
    check: Callable[[], None] = lambda: None,
) -> FileScored:
    """Score every row of a file in constant memory; order and other columns are kept.

    JSON Lines are read twice, since only the last row tells the last column.

    Args:
        scorer: The scorer.
        source: CSV, TSV, JSON Lines or Parquet.
        out: The result, in any of these formats.
        text: Column of the text; by default the one of that name in training, else guessed as `darse explore` does.
        target: Column of the target, for an adapter trained with targets; found alike.
        neutralise_formulas: In a CSV or TSV, put `'` before text that a spreadsheet would run as a formula.
        chosen: Told the columns in use before the first row is scored.
        progress: Told the rows done, now and then.
        check: Called before every batch; it may raise to stop.

    Raises:
        DataError: A file cannot be read or a column is missing.
        StoreError: The result cannot be written.
    """
    side = out.with_name(f"{out.stem}.rejects.jsonl")
    _check_places(source, out, side)
    if target is not None and not scorer.task.has_target:
        raise InputError("this adapter was trained without targets; drop --target")
    names = read_columns(source)
    with closing(read_rows(source, whole=True)) as rows:
        sample = list(islice((row for row in rows if row.problem is None), SAMPLE_ROWS))
    wanted = DataSettings(text=text, target=target)
    with naming(source):
        columns = choose_text(names, sample, wanted, has_target=scorer.task.has_target, trained=scorer.trained_columns)
    chosen(columns)
    added = _added_columns(scorer.task, names)
    with writing_lines(side) as reject, closing(read_rows(source, whole=True)) as rows:
        job = _Job(scorer, columns, added, _Rejects(reject), progress, check)
        with naming(source):
            count = _write(source, out, names, added, job.run(rows), neutralise_formulas=neutralise_formulas)
    if not job.rejects.count:
        side.unlink(missing_ok=True)  # of an earlier run
    return FileScored(count, job.rejects.count, side if job.rejects.count else None)


def _check_places(source: Path, out: Path, side: Path) -> None:
    """Refuse at once what would be overwritten, or could not be, after the last row."""
    if source.resolve() in {out.resolve(), side.resolve()}:
        raise DataError("the result would overwrite the source; give another -o", path=out)
    if out.is_dir():
        raise DataError("this is a folder; name a file in it with -o", path=out)
    if (side.exists() or side.is_symlink()) and not _lists_rejects(side):
        raise DataError("darse did not write this; move it, since rows that cannot be scored go there", path=side)


def _lists_rejects(path: Path) -> bool:
    """Whether a file begins as the list of rejects of an earlier run does."""
    try:
        with path.open("rb") as file:
            first = json.loads(file.readline(_MAX_REJECT_BYTES))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(first, dict) and first.keys() == {"line", "reason"}


def _write(
    source: Path,
    out: Path,
    names: Sequence[str],
    added: Mapping[str, str],
    rows: Iterator[_Scored],
    *,
    neutralise_formulas: bool,
) -> int:
    """Write the source's columns and the added ones; Parquet to Parquet keeps the source's own types."""
    is_parquet = out.suffix.casefold() == ".parquet"
    kinds: dict[str, type] = {given: str if name == "label" else float for name, given in added.items()}
    if is_parquet and source.suffix.casefold() == ".parquet":
        beside = cast(Iterator[tuple[ArrowRow, Record]], rows)  # what the reader of Parquet carries
        return write_beside(out, read_schema(source), kinds, beside)
    if is_parquet:
        with closing(read_rows(source, whole=True)) as whole:
            kinds |= find_kinds(row.carried for row in whole if row.carried is not None)
    merged = ({**carried, **fields} for carried, fields in rows)
    return write_rows(out, [*names, *added.values()], merged, kinds=kinds, neutralise_formulas=neutralise_formulas)


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
    progress: Callable[[int], None]
    check: Callable[[], None]

    def run(self, rows: Iterator[Row]) -> Iterator[_Scored]:
        done = 0
        while chunk := list(islice(rows, CHUNK_ROWS)):
            usable = list(self._usable(chunk))
            texts = [entry[1] for entry in usable]
            targets = [entry[2] for entry in usable] if self.columns.target is not None else None
            scores = self.scorer.score(texts, targets, check=self.check)
            for (row, _, _), said in zip(usable, scores, strict=True):
                yield _carried(row), self._fields(said)
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

    def _fields(self, said: Score) -> dict[str, Value]:
        values: dict[str, Value] = {"score": said.score, "label": said.label}
        values |= {f"probability {name}": value for name, value in said.probabilities.items()}
        return {self.added[name]: value for name, value in values.items() if name in self.added}


def _added_columns(task: Task, columns: Sequence[str]) -> dict[str, str]:
    """Names of the columns that are added; `predicted_` goes before a name that is taken."""
    wanted = [*(["score"] if task.has_score else []), *(["label"] if task.classes else [])]
    wanted += [f"probability {name}" for name in task.classes]
    return {name: _free(name, columns) for name in wanted}


def _free(name: str, taken: Sequence[str]) -> str:
    while name in taken:
        name = f"predicted_{name}"
    return name


def _carried(row: Row) -> Mapping[str, Value]:
    if row.carried is not None:
        return row.carried
    return {name: as_value(value) for name, value in row.cells.items()}
