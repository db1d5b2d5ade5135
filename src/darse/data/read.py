"""A labelled file of any known format to raw rows, streaming."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from pathlib import Path

from darse.data.delimited import read_delimited
from darse.data.json_lines import read_json_lines
from darse.data.parquet import read_parquet
from darse.data.row import MAX_COLUMNS, Row
from darse.errors import DataError

FORMATS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
_JSON_LINES = frozenset({".jsonl", ".ndjson"})


def read_rows(path: Path, *, whole: bool = False) -> Generator[Row, None, None]:
    """The rows of a file, one after another; memory does not grow with the file.

    A row that cannot be used as a whole (ragged, malformed) is yielded with its problem, so that the caller
    counts it.

    Args:
        path: A regular file, or a link to one; the suffix says the format.
        whole: Give every column a name, and carry beside the cells the values that they cannot hold.

    Raises:
        DataError: The file cannot be opened or read, or its format is unknown; the error names the file and,
            where one is to blame, the line.
    """
    suffix = path.suffix.casefold()
    if suffix in {".csv", ".tsv"}:
        return read_delimited(path, delimiter="," if suffix == ".csv" else "\t", whole=whole)
    if suffix in _JSON_LINES:
        return read_json_lines(path, whole=whole)
    if suffix == ".parquet":
        return read_parquet(path, whole=whole)
    raise DataError(
        f"the format {suffix or 'of a name without suffix'!r} is not known; use one of {', '.join(FORMATS)}",
        path=path,
    )


def read_columns(path: Path) -> list[str]:
    """Every column of a file in the order of appearance; JSON Lines are read to their end, since their rows may differ.

    Raises:
        DataError: As `read_rows`; or not one row can be read, or there are more than `MAX_COLUMNS` columns.
    """
    seen: dict[str, None] = {}
    problem = ""
    is_json = path.suffix.casefold() in _JSON_LINES
    with closing(read_rows(path, whole=not is_json)) as rows:
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
