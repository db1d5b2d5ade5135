"""A labelled file of any known format to raw rows, streaming."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from darse.data.delimited import USUAL_SEPARATORS, find_separator, read_delimited
from darse.data.json_lines import read_json_lines
from darse.data.open_file import find_encoding
from darse.data.parquet import read_parquet
from darse.data.reading import Reading
from darse.data.row import MAX_COLUMNS, Row
from darse.errors import DataError

FORMATS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
OTHER_FORMATS = {
    ".txt": "give its columns names in a first line and call it .csv or .tsv",
    ".json": "write one object a line and call it .jsonl, for example with: jq -c '.[]' FILE > NEW.jsonl",
    ".xlsx": 'save the sheet as "CSV UTF-8"',
    ".xls": 'save the sheet as "CSV UTF-8"',
    ".ods": "save the sheet as CSV in UTF-8",
    ".gz": "unpack it first (gunzip)",
    ".zip": "unpack it first (unzip)",
}
"""Endings of files that are not read, and what to do with one."""
_JSON_LINES = frozenset({".jsonl", ".ndjson"})
_PLAIN = Reading()


def read_rows(path: Path, reading: Reading = _PLAIN, *, whole: bool = False) -> Generator[Row, None, None]:
    """The rows of a file, one after another; memory does not grow with the file.

    A row that cannot be used as a whole (ragged, malformed) is yielded with its problem, so that the caller
    counts it.

    Args:
        path: A regular file, or a link to one; the suffix says the format.
        reading: How it is to be read, where its name and its beginning do not say it.
        whole: Give every column a name, and carry beside the cells the values that they cannot hold.

    Raises:
        DataError: The file cannot be opened or read, its format is unknown, or it is none that can be read so; the
            error names the file and, where one is to blame, the line.
    """
    suffix = path.suffix.casefold()
    if suffix in USUAL_SEPARATORS:
        return read_delimited(path, reading, whole=whole)
    if reading.separator is not None and suffix in FORMATS:
        raise DataError(f"a {suffix} file has no separators; drop --separator", path=path)
    if suffix in _JSON_LINES:
        return read_json_lines(path, reading, whole=whole)
    if reading.encoding is not None and suffix in FORMATS:
        raise DataError(f"a {suffix} file says its encoding itself; drop --encoding", path=path)
    if suffix == ".parquet":
        return read_parquet(path, whole=whole)
    named, remedy = suffix or "of a name without suffix", OTHER_FORMATS.get(suffix)
    raise DataError(
        f"the format {named!r} is not known; use one of {', '.join(FORMATS)}" + (f": {remedy}" if remedy else ""),
        path=path,
    )


def how_read(path: Path, reading: Reading) -> dict[str, str]:
    """The `separator` and the `encoding` that a file is read with, each if it is not what its name promises.

    Raises:
        DataError: As `read_rows`.
    """
    suffix = path.suffix.casefold()
    told: dict[str, str] = {}
    if suffix in USUAL_SEPARATORS and (found := find_separator(path, reading)) != USUAL_SEPARATORS[suffix]:
        told["separator"] = "tab" if found == "\t" else found
    if suffix != ".parquet" and not (found := find_encoding(path, reading.encoding)).startswith("utf-8"):
        told["encoding"] = reading.encoding or found
    return told


def read_columns(path: Path, reading: Reading = _PLAIN) -> list[str]:
    """Every column of a file in the order of appearance; JSON Lines are read to their end, since their rows may differ.

    Raises:
        DataError: As `read_rows`; or not one row can be read, or there are more than `MAX_COLUMNS` columns.
    """
    seen: dict[str, None] = {}
    problem = ""
    is_json = path.suffix.casefold() in _JSON_LINES
    with closing(read_rows(path, replace(reading, nested=()), whole=not is_json)) as rows:
        for row in rows:
            seen.update(dict.fromkeys(row.cells))
            problem = problem or f"line {row.line}: {row.problem}"
            if len(seen) > MAX_COLUMNS:
                raise DataError(f"the rows have more than {MAX_COLUMNS} columns in all", path=path, line=row.line)
            if seen and not is_json:
                break
    if not seen:
        raise DataError(f"not one row can be read ({problem})", path=path)
    return list(seen)
