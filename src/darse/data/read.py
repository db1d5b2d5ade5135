"""A labelled file of any known format to raw rows, streaming."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from darse.data.delimited import read_delimited
from darse.data.json_lines import read_json_lines
from darse.data.parquet import read_parquet
from darse.data.row import Row
from darse.errors import DataError

FORMATS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file, one after another; memory does not grow with the file.

    A row that cannot be used as a whole (ragged, malformed) is yielded with its problem, so that the caller
    counts it.

    Args:
        path: A regular file, or a link to one; the suffix says the format.

    Raises:
        DataError: The file cannot be opened or read, or its format is unknown; the error names the file and,
            where one is to blame, the line.
    """
    suffix = path.suffix.casefold()
    if suffix in {".csv", ".tsv"}:
        return read_delimited(path, delimiter="," if suffix == ".csv" else "\t")
    if suffix in {".jsonl", ".ndjson"}:
        return read_json_lines(path)
    if suffix == ".parquet":
        return read_parquet(path)
    raise DataError(
        f"the format {suffix or 'of a name without suffix'!r} is not known; use one of {', '.join(FORMATS)}",
        path=path,
    )
