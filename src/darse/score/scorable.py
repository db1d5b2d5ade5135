"""A file and what is wanted of it to a file that can be scored, or one clear error before anything is loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from darse.data.columns import SAMPLE_ROWS, choose_text
from darse.data.delimited import find_separator
from darse.data.example import Columns, Task
from darse.data.read import FORMATS, how_read, read_columns, read_rows
from darse.data.reading import Reading
from darse.data.source import naming
from darse.errors import DataError, InputError
from darse.settings import DataSettings

_MAX_REJECT_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Scorable:
    """A file that can be scored: its columns are known and the places of what is written are free.

    Attributes:
        source: The file.
        out: The result.
        side: The list of rows that cannot be scored, if there are any.
        reading: How the file is read.
        how_read: Its separator and its encoding, each if it is not what the file's name promises.
        separator: Of the result, if it is a CSV or TSV: that of a CSV stays; None for the usual one.
        names: Every column of the file.
        columns: Those of text and target.
        added: Names of the columns that are added, by what they hold.
    """

    source: Path
    out: Path
    side: Path
    reading: Reading
    how_read: Mapping[str, str]
    separator: str | None
    names: Sequence[str]
    columns: Columns
    added: Mapping[str, str]

    @property
    def unfinished(self) -> Path:
        """The folder of what is scored while the result is not complete."""
        return self.out.with_name(f".{self.out.name}.scoring")


def find_scorable(source: Path, out: Path, wanted: DataSettings, *, task: Task, trained: Mapping[str, str]) -> Scorable:
    """Look at a file's columns and at the places of what is written.

    JSON Lines are read to their end, since only the last row tells the last column.

    Args:
        source: CSV, TSV, JSON Lines or Parquet.
        out: The result, in any of these formats.
        wanted: Columns of text and target, separator and encoding, as far as they are named. A column that is not
            is the one of that name in training, else it is guessed as `darse explore` does.
        task: What the adapter predicts.
        trained: Column of each part in training, as far as it is known.

    Raises:
        DataError: The file cannot be read, a column is missing, or the result cannot be where it is wanted.
        InputError: A target is named for an adapter without targets.
    """
    side = out.with_name(f"{out.stem}.rejects.jsonl")
    if wanted.target is not None and not task.has_target:
        raise InputError("this adapter was trained without targets; drop --target")
    _check_places(source, out, side)
    reading = Reading.of(wanted, *trained.values())
    names = read_columns(source, reading)
    with closing(read_rows(source, reading, whole=True)) as rows:
        sample = list(islice((row for row in rows if row.problem is None), SAMPLE_ROWS))
    paths = [path for path in reading.nested if any(path in row.cells for row in sample)]
    with naming(source):
        known = tuple(dict.fromkeys([*names, *paths]))
        columns = choose_text(known, sample, wanted, has_target=task.has_target, trained=trained)
    is_csv = {source.suffix.casefold(), out.suffix.casefold()} == {".csv"}
    return Scorable(
        source=source,
        out=out,
        side=side,
        reading=reading,
        how_read=how_read(source, reading),
        separator=find_separator(source, reading) if is_csv else None,
        names=names,
        columns=columns,
        added=_added_columns(task, names),
    )


def _check_places(source: Path, out: Path, side: Path) -> None:
    """Refuse at once what would be overwritten, or could not be written, after the last row."""
    if source.resolve() in {out.resolve(), side.resolve()}:
        raise DataError("the result would overwrite the source; give another -o", path=out)
    if out.is_dir():
        raise DataError("this is a folder; name a file in it with -o", path=out)
    if out.suffix.casefold() not in FORMATS:
        raise DataError(f"the format {out.suffix!r} is not known; use one of {', '.join(FORMATS)}", path=out)
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


def _added_columns(task: Task, columns: Sequence[str]) -> dict[str, str]:
    """Names of the columns that are added; `predicted_` goes before a name that is taken."""
    wanted = [*(["score"] if task.has_score else []), *(["label"] if task.classes else [])]
    wanted += [f"probability {name}" for name in task.classes]
    return {name: _free(name, columns) for name in wanted}


def _free(name: str, taken: Sequence[str]) -> str:
    while name in taken:
        name = f"predicted_{name}"
    return name
