"""The columns of a file to the part each plays in insights: named by the user, or guessed where it is obvious."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from darse.data.columns import SAMPLE_ROWS, choose_columns
from darse.data.example import Columns
from darse.data.labels import is_number, parse_score
from darse.data.read import how_read, read_columns, read_rows
from darse.data.reading import Reading
from darse.data.row import Cell, Row, RowRefused
from darse.data.source import naming
from darse.errors import DataError
from darse.insight.dates import AMBIGUOUS, parse_day
from darse.names import printable
from darse.settings import DataSettings

_TIMES = ("date", "time", "timestamp", "datetime", "created_at", "created", "day", "published", "posted_at")
_GROUPS = (
    "product_line", "product", "brand", "company", "topic", "department", "region", "country", "channel", "store",
    "team", "domain", "aspect", "target",
)  # fmt: skip
_LANGUAGES = ("lang", "language")
_STARS = ("rating", "stars", "star_rating")
_PREDICTED = "predicted_"
_PROBABILITY = "probability "
_MOST_GUESSED_GROUPS = 200
_FEWEST_ROWS = 3
"""Rows that a guessed group has on average in the sample, at the least."""


@dataclass(frozen=True, slots=True)
class InsightColumns:
    """Which column plays which part; None where there is none.

    Attributes:
        text: The text.
        label: The class.
        score: The score.
        by: What rows are grouped by.
        time: When the row was written.
        lang: Its language.
        probabilities: Column of the probability of each class, as `darse score` writes them.
        used: The same as the readers of labels take them.
        guessed: Parts that were guessed.
        others: Columns that could be what rows are grouped by, where none is named.
    """

    text: str
    label: str | None
    score: str | None
    by: str | None
    time: str | None
    lang: str | None
    probabilities: Mapping[str, str]
    used: Columns
    guessed: tuple[str, ...]
    others: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The columns in use, for people."""
        parts = {name: getattr(self, name) for name in ("text", "label", "score", "by", "time", "lang")}
        return ", ".join(
            f"{part} = {printable(name)!r}" + (" (guessed)" if part in self.guessed else "")
            for part, name in parts.items()
            if name is not None
        )


@dataclass(frozen=True, slots=True)
class Named:
    """The columns that a user names, and how the file is read.

    Attributes:
        data: Text, label, score, separator, encoding.
        by: What rows are grouped by.
        time: When a row was written.
        lang: Its language.
    """

    data: DataSettings
    by: str | None = None
    time: str | None = None
    lang: str | None = None


@dataclass(frozen=True, slots=True)
class Readable:
    """A file with its columns known.

    Attributes:
        name: What the user calls it.
        path: The file.
        reading: How it is read.
        how_read: Its separator and encoding, each if it is not what the file's name promises.
        columns: Its columns.
    """

    name: str
    path: Path
    reading: Reading
    how_read: Mapping[str, str]
    columns: InsightColumns


def find_readable(path: Path, named: Named, *, name: str | None = None) -> Readable:
    """Look at a file's columns and its first rows.

    Args:
        path: CSV, TSV, JSON Lines or Parquet.
        named: What the user says of it.
        name: What the user calls it; by default its path.

    Raises:
        DataError: The file cannot be read, a column is missing, or a part that is needed cannot be told.
    """
    extra = [name for name in (named.by, named.time, named.lang) if name is not None]
    reading = Reading.of(named.data, *extra)
    known = read_columns(path, reading)
    with closing(read_rows(path, reading)) as rows:
        sample = list(islice((row for row in rows if row.problem is None), SAMPLE_ROWS))
    names = list(dict.fromkeys([*known, *(one for one in reading.nested if any(one in row.cells for row in sample))]))
    with naming(path):
        return Readable(name or str(path), path, reading, how_read(path, reading), _find_columns(names, sample, named))


def _find_columns(names: Sequence[str], sample: Sequence[Row], named: Named) -> InsightColumns:
    taken = {"by": named.by, "time": named.time, "lang": named.lang}
    for part, name in taken.items():
        _check_named(part, name, names)
    settings, predicted = _with_predicted(named.data, names, sample)
    columns = choose_columns(sample, settings)
    used = {columns.text, columns.label, columns.score, *taken.values()}
    free = [name for name in names if name not in used and not name.startswith(_PROBABILITY)]
    found = dict(taken)
    found["time"] = named.time or _guess_time(free, sample)
    found["lang"] = named.lang or next((name for name in free if _plain(name) in _LANGUAGES), None)
    others = [name for name in _possible_groups(free, sample) if name not in found.values()]
    found["by"] = named.by or (others[0] if len(others) == 1 else None)
    given = {*named.data.named, *(part for part, name in taken.items() if name is not None)}
    parts = {"text": columns.text, "label": columns.label, "score": columns.score, **found}
    return InsightColumns(
        **parts,  # type: ignore[arg-type]  # the text is never None
        probabilities={
            name.removeprefix(_PROBABILITY): name for name in names if predicted and name.startswith(_PROBABILITY)
        },
        used=columns,
        guessed=tuple(part for part, name in parts.items() if name is not None and part not in given),
        others=tuple(others) if found["by"] is None else (),
    )


def _check_named(part: str, name: str | None, names: Sequence[str]) -> None:
    if name is None or name in names:
        return
    close = difflib.get_close_matches(name.casefold(), [one.casefold() for one in names], 1, 0.5)
    meant = next((one for one in names if close and one.casefold() == close[0]), None)
    hint = f"; did you mean {printable(meant)!r}?" if meant is not None else ""
    shown = ", ".join(printable(one) for one in names[:30])
    raise DataError(f"there is no column {printable(name)!r} (--{part}){hint}; the columns are: {shown}")


def _with_predicted(data: DataSettings, names: Sequence[str], sample: Sequence[Row]) -> tuple[DataSettings, bool]:
    """The settings with the columns that `darse score` has added, and whether it has added probabilities.

    It calls them `score` and `label`, or `predicted_score` and so on where the file had such a column.
    """
    has_probabilities = any(name.startswith(_PROBABILITY) for name in names)
    if data.label is not None or data.score is not None:
        return data, has_probabilities
    found = {part: _longest(part, names) for part in ("score", "label")}
    added = {part: name for part, name in found.items() if name is not None and name.startswith(_PREDICTED)}
    if has_probabilities and found["label"] is not None:
        added["label"] = found["label"]
    stars = [name for name in names if _plain(name) in _STARS and _are_stars(name, sample)]
    if not added and len(stars) == 1 and found["label"] is None and found["score"] is None:
        added["score"] = stars[0]
    return data.model_copy(update=added), has_probabilities


def _longest(part: str, names: Sequence[str]) -> str | None:
    fitting = [name for name in names if re.fullmatch(rf"(?:{_PREDICTED})*{part}", name)]
    return max(fitting, key=len, default=None)


def _are_stars(name: str, sample: Sequence[Row]) -> bool:
    values = [cell for row in sample if (cell := row.cells.get(name)) not in {None, ""}]
    good = [value for value in values if is_number(value) and parse_score(value) in {1, 2, 3, 4, 5}]
    return len(good) > 0 and 10 * len(good) >= 9 * len(values)


def _guess_time(free: Sequence[str], sample: Sequence[Row]) -> str | None:
    """The one column with a name and with values of dates; the name that stands first in the list wins."""
    fitting = [name for name in free if _plain(name) in _TIMES and _are_dates(name, sample)]
    return min(fitting, key=lambda name: _TIMES.index(_plain(name)), default=None)


def _are_dates(name: str, sample: Sequence[Row]) -> bool:
    """Most are dates; such as have day and month in doubt count too, so that they are told and not passed over."""
    good = missing = 0
    for row in sample:
        try:
            missing += parse_day(row.cells.get(name)) is None
        except RowRefused as refused:
            good += refused.reason == AMBIGUOUS
        else:
            good += 1
    return good > missing and 10 * good >= 9 * len(sample)


def _possible_groups(free: Sequence[str], sample: Sequence[Row]) -> list[str]:
    return [name for name in free if _plain(name) in _GROUPS and _is_group(name, sample)]


def _is_group(name: str, sample: Sequence[Row]) -> bool:
    values: list[Cell] = [cell for row in sample if isinstance(cell := row.cells.get(name), str) and cell]
    distinct = len(set(values))
    return 2 <= distinct <= _MOST_GUESSED_GROUPS and len(values) >= _FEWEST_ROWS * distinct


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "_", name.casefold()).strip("_")
