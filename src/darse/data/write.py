"""Rows of plain cells to a CSV, TSV, JSON Lines or Parquet file that `read_rows` gives back unchanged."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, Protocol, TypeVar

from darse.data.carry import Json, Value, is_plain
from darse.data.delimited import SEPARATORS, USUAL_SEPARATORS
from darse.data.kinds import Kinds, Record, as_json
from darse.data.labels import is_number
from darse.data.parquet import ArrowRow
from darse.data.parquet_sink import ArrowSink, ParquetSink
from darse.data.read import FORMATS
from darse.errors import DataError
from darse.files import cannot_write, replacing_file
from darse.names import printable

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH_ROWS = 1024
_FORMULA_STARTS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""Also in full width; source: OWASP, CSV Injection."""


def write_rows(
    path: Path,
    columns: Sequence[str],
    rows: Iterable[Record],
    *,
    kinds: Kinds | None = None,
    separator: str | None = None,
    neutralise_formulas: bool = False,
) -> int:
    """Write rows as they come, all or nothing: the file appears when the last one is on disk.

    Text comes back as it was. A CSV or TSV knows text only, so that numbers come back as their digits and a
    missing value as the empty text.

    Args:
        path: The file; its suffix says the format, its folder is made if it is missing.
        columns: The columns in their order; a value that a row lacks is written as missing.
        rows: The rows; a generator is not collected.
        kinds: For Parquet; told from the first rows by default, and a later value that does not fit is an error.
        separator: Between the columns of a CSV or TSV; by default a comma or a tab.
        neutralise_formulas: In a CSV or TSV, put `'` before text that a spreadsheet would run as a formula, names
            of columns too. Such a text no longer comes back as it was.

    Returns:
        How many rows were written.

    Raises:
        DataError: The format is unknown, or a column or a value cannot be written so that it can be read.
        StoreError: The file cannot be written.
    """
    suffix = path.suffix.casefold()
    if suffix not in FORMATS:
        raise DataError(f"the format {suffix!r} is not known; use one of {', '.join(FORMATS)}", path=path)
    _check_columns(path, columns, suffix)
    if suffix == ".parquet":
        return _stream(path, lambda file: ParquetSink(file, columns, kinds), rows)
    if suffix not in USUAL_SEPARATORS:
        return _stream(path, lambda file: _JsonSink(file, columns), rows)
    mark, tell = separator or USUAL_SEPARATORS[suffix], neutralise if neutralise_formulas else _unchanged
    return _stream(path, lambda file: _DelimitedSink(file, columns, mark, tell), rows)


def write_beside(path: Path, schema: pa.Schema, added: Kinds, rows: Iterable[tuple[ArrowRow, Record]]) -> int:
    """Write rows of a Parquet file as they are, with new columns beside, as `write_rows` does.

    Args:
        path: A Parquet file.
        schema: Of the rows.
        added: The new columns.
        rows: Each with its values in the new columns.

    Returns:
        How many rows were written.

    Raises:
        DataError: A value cannot be written.
        StoreError: The file cannot be written.
    """
    return _stream(path, lambda file: ArrowSink(file, schema, added), rows)


@contextlib.contextmanager
def writing_lines(path: Path) -> Iterator[Callable[[Record], None]]:
    """JSON Lines that come one at a time; the file appears when the block ends well, if there was any.

    Raises:
        StoreError: The file cannot be written.
    """
    with contextlib.ExitStack() as stack:
        files: list[BinaryIO] = []

        def put(record: Record) -> None:
            if not files:
                files.append(stack.enter_context(replacing_file(path, follows_link=True)))
            with _explaining(path, "a line"):
                _put_all(files[0], f"{_json_line(record)}\n".encode())

        yield put


def neutralise(value: Value) -> Value:
    """A cell that no spreadsheet runs as a formula; numbers, also negative ones in a text, stay as they are.

    >>> neutralise("=HYPERLINK(1)"), neutralise("-0.5"), neutralise("-0,5"), neutralise(-0.5)
    ("'=HYPERLINK(1)", '-0.5', '-0,5', -0.5)
    """
    if not isinstance(value, str) or not value.startswith(_FORMULA_STARTS):
        return value
    return value if is_number(value) or is_number(value, ",") else f"'{value}"


def _unchanged(value: Value) -> Value:
    return value


_T = TypeVar("_T")
_Taken = TypeVar("_Taken", contravariant=True)


class _Sink(Protocol[_Taken]):
    def write(self, batch: Sequence[_Taken], /) -> None: ...

    def close(self) -> None: ...

    def discard(self) -> None:
        """Forget what is open; harmless after `close`."""


def _stream(path: Path, open_sink: Callable[[BinaryIO], _Sink[_T]], rows: Iterable[_T]) -> int:
    remaining, count = iter(rows), 0
    with replacing_file(path, follows_link=True) as file:
        with _explaining(path, "the columns"):
            sink = open_sink(file)
        try:
            while batch := list(islice(remaining, _BATCH_ROWS)):
                with _explaining(path, f"rows {count + 1} to {count + len(batch)}"):
                    sink.write(batch)
                count += len(batch)
            with _explaining(path, "the end of the file"):
                sink.close()
        finally:
            sink.discard()
    return count


def _check_columns(path: Path, columns: Sequence[str], suffix: str) -> None:
    if not columns or len(set(columns)) < len(columns):
        shown = printable(", ".join(map(repr, columns)), 200)
        raise DataError(f"the columns ({shown}) need different names", path=path)
    unfit = next((name for name in columns if not _is_fit(name, suffix)), None)
    if unfit is not None:
        raise DataError(f"the column {printable(repr(unfit))} cannot be written; give it another name", path=path)


def _is_fit(name: str, suffix: str) -> bool:
    return is_plain(name) or (suffix not in USUAL_SEPARATORS and is_plain(name.replace("\0", "")))


@contextlib.contextmanager
def _explaining(path: Path, what: str) -> Iterator[None]:
    """Errors of writing as ours; those of the rows' own iterator pass as they are."""
    try:
        yield
    except (ValueError, TypeError, OverflowError) as error:
        first = printable(str(error).partition("\n")[0], 200)
        raise DataError(f"{what} cannot be written: {first}", path=path) from error
    except OSError as error:
        raise cannot_write(path, error) from error


class _JsonSink:
    """Batches to JSON Lines."""

    def __init__(self, file: BinaryIO, columns: Sequence[str]) -> None:
        self._file, self._columns = file, columns

    def write(self, batch: Sequence[Record]) -> None:
        lines = (_json_line({name: row.get(name) for name in self._columns}) for row in batch)
        _put_all(self._file, "".join(f"{line}\n" for line in lines).encode())

    def close(self) -> None:
        """Nothing is left to write."""

    def discard(self) -> None:
        """Nothing is open."""


class _DelimitedSink:
    """Batches to CSV or TSV."""

    def __init__(self, file: BinaryIO, columns: Sequence[str], separator: str, guard: Callable[[Value], Value]) -> None:
        self._file, self._columns = file, columns
        self._separator, self._guard = separator, guard
        # a name that holds a separator has to stand in quotes for a reader that looks for one
        has_marks = any(mark in name for name in columns for mark in SEPARATORS)
        self._header = self._encoded([columns], csv.QUOTE_ALL if has_marks else csv.QUOTE_MINIMAL)

    def write(self, batch: Sequence[Record]) -> None:
        header, self._header = self._header, b""
        _put_all(self._file, header + self._encoded([[row.get(name) for name in self._columns] for row in batch]))

    def close(self) -> None:
        _put_all(self._file, self._header)

    def discard(self) -> None:
        """Nothing is open."""

    def _encoded(self, cells: Sequence[Sequence[Value]], quoting: Literal[0, 1] = csv.QUOTE_MINIMAL) -> bytes:
        if any(isinstance(value, str) and "\0" in value for row in cells for value in row):
            raise ValueError("a text contains a NUL character")
        text = io.StringIO(newline="")
        # The writer quotes the characters of its own line end: with CR LF it quotes a lone CR too.
        writer = csv.writer(text, delimiter=self._separator, lineterminator="\r\n", quoting=quoting)
        writer.writerows(
            [self._guard(value.text if isinstance(value, Json) else value) for value in row] for row in cells
        )
        return text.getvalue().encode()


def _put_all(file: BinaryIO, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[file.write(left) :]


def _json_line(record: Record) -> str:
    members = (f"{json.dumps(name, ensure_ascii=False)}: {as_json(value)}" for name, value in record.items())
    return "{" + ", ".join(members) + "}"
