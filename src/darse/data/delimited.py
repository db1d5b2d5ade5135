"""A CSV or TSV file to raw rows, strictly: what is malformed is a rejected row or an error with its line."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Generator, Iterator
from itertools import chain
from pathlib import Path

from darse.data.open_file import open_lines
from darse.data.reading import Reading
from darse.data.row import MAX_COLUMNS, MAX_RECORD_CHARACTERS, Row
from darse.errors import DataError
from darse.names import printable

BROKEN_QUOTES = "the quotes are broken (a quote inside a quoted field has to be doubled)"
LONE_CR = "a lone carriage return stands outside quotes"

USUAL_SEPARATORS = {".csv": ",", ".tsv": "\t"}
"""By the ending of a file's name."""
SEPARATORS = ",;\t|"
"""Those that are looked for in the header of a CSV."""

_Record = tuple[int, list[str], str | None]


def read_delimited(path: Path, reading: Reading, *, whole: bool = False) -> Generator[Row, None, None]:
    """Rows of a file whose first record names its columns; one record is in memory at a time.

    Blank lines are no rows.

    Args:
        path: The file.
        reading: Its separator and its encoding; without a separator that of a CSV is told by its header, and that of
            a TSV is a tab. Quoting is that of RFC 4180.
        whole: Call a column without a name (the index that pandas writes) `column N`, after its place; by
            default it is left out.

    Raises:
        DataError: The header is missing or ambiguous, a quote is never closed, a record is too long, the text
            is not in its encoding.
    """
    # The limit of the standard reader belongs to the whole process; raising it harms nobody, and records
    # are bounded below, quotes or not.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_RECORD_CHARACTERS + 1))
    with open_lines(path, reading.encoding) as file_lines:
        separator, file_lines = _separate(path, file_lines, reading)
        lines = _Lines(path, file_lines)
        records = _records(path, lines, csv.reader(lines, delimiter=separator, strict=True))
        names = _read_header(path, records)
        if whole:
            names = _name_all(names)
        empty = True
        for line, fields, problem in records:
            empty = False
            if problem is None and len(fields) != len(names):
                more = len(fields) > len(names)
                problem = f"the row has {'more' if more else 'fewer'} fields than the header"
            if problem is not None:
                yield Row(line, dict.fromkeys((name for name in names if name), None), problem)
            else:
                yield Row(line, {name: field for name, field in zip(names, fields, strict=True) if name})
        if empty:
            raise DataError("the file has a header and no rows", path=path)


def find_separator(path: Path, reading: Reading) -> str:
    """What stands between the columns of a CSV or TSV file.

    Raises:
        DataError: The file cannot be opened, or its header could be separated in two ways.
    """
    with open_lines(path, reading.encoding) as lines:
        return _separate(path, lines, reading)[0]


def _separate(path: Path, lines: Iterator[str], reading: Reading) -> tuple[str, Iterator[str]]:
    """The separator of a file, and all its lines."""
    header, found = _take_header(lines)
    suffix = path.suffix.casefold()
    named = reading.separator or (None if suffix == ".csv" else USUAL_SEPARATORS[suffix])
    if named is None and len(found) > 1:
        shown = ", ".join(f"{mark!r} ({count} times)" for mark, count in found.most_common())
        problem = f"the header could be separated by {shown}; say which it is with --separator"
    elif named is not None and found and not any(named in line for line in header):
        problem = f"the columns are separated by {next(iter(found))!r} and not by {named!r}; say so with --separator"
    else:
        return named or next(iter(found), USUAL_SEPARATORS[suffix]), chain(header, lines)
    raise DataError(problem, path=path, line=1 + sum(1 for line in header if not line.strip()))


def _take_header(lines: Iterator[str]) -> tuple[list[str], Counter[str]]:
    """The lines to the end of the first record, and how often each separator stands outside of its quotes."""
    taken: list[str] = []
    found: Counter[str] = Counter()
    characters, is_quoted = 0, False
    for line in lines:
        taken.append(line)
        characters += len(line)
        may_open = True
        for character in line:
            if character == '"' and (is_quoted or may_open):
                # of a doubled quote the first closes and the second opens again
                is_quoted, may_open = not is_quoted, True
                continue
            may_open = not is_quoted and character in SEPARATORS
            found.update(character if may_open else ())
        if (line.strip() and not is_quoted) or characters > MAX_RECORD_CHARACTERS:
            break
    return taken, found


class _Lines:
    """The lines of a file for the standard reader, counted and bounded per record."""

    def __init__(self, path: Path, lines: Iterator[str]) -> None:
        self.number = 0
        self.has_nul = False
        self._path = path
        self._lines = lines
        self._characters = 0
        self._first = 1

    def start_record(self) -> None:
        self.has_nul = False
        self._characters = 0
        self._first = self.number + 1

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.number += 1
        self._characters += len(line)
        if self._characters > MAX_RECORD_CHARACTERS:
            raise DataError(
                f"the record is longer than {MAX_RECORD_CHARACTERS:,} characters; close the quote it opens",
                path=self._path,
                line=self._first,
            )
        # The standard reader takes a NUL for text.
        self.has_nul = self.has_nul or "\0" in line
        return line


def _records(path: Path, lines: _Lines, reader: Iterator[list[str]]) -> Iterator[_Record]:
    """First line, fields and problem of each record that is not blank."""
    while True:
        lines.start_record()
        first = lines.number + 1
        problem = None
        fields: list[str] = []
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problem = _explain(path, first, lines.number, error)
        if lines.has_nul:
            problem = "the row contains a NUL character"
        if fields or problem:
            yield first, fields, problem


def _explain(path: Path, first: int, last: int, error: csv.Error) -> str:
    """The reason for a malformed record of one line; several lines may hide good rows and are an error."""
    if "unexpected end of data" in str(error):
        raise DataError(
            "a quote opened in this record is never closed; close it, or the file may be cut off",
            path=path,
            line=first,
        ) from error
    if last > first:
        raise DataError(
            f"a quote opened in this record runs on to line {last} and is broken there; close it, and double"
            " the quotes inside a field",
            path=path,
            line=first,
        ) from error
    return LONE_CR if "new-line character" in str(error) else BROKEN_QUOTES


def _read_header(path: Path, records: Iterator[_Record]) -> list[str]:
    line, fields, problem = next(records, (1, [], "the file has no header"))
    names = [name.strip() for name in fields]
    problem = problem or _find_header_problem(names)
    if problem is not None:
        raise DataError(problem, path=path, line=line)
    return names


def _name_all(names: list[str]) -> list[str]:
    """The names, and one for each column that has none."""
    named: list[str] = []
    for place, name in enumerate(names, start=1):
        given = name or f"column {place}"
        while not name and given in (*names, *named):
            given += "_"
        named.append(given)
    return named


def _find_header_problem(names: list[str]) -> str | None:
    if len(names) > MAX_COLUMNS:
        return f"the header has {len(names)} columns, more than {MAX_COLUMNS}"
    counts = Counter(name for name in names if name)
    if not counts:
        return "the header names no column; write the names of the columns in the first line"
    twice = next((name for name, count in counts.items() if count > 1), None)
    if twice is not None:
        return f"the column {printable(twice)!r} stands twice in the header; give each column its own name"
    return None
