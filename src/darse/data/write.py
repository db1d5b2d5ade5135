"""Rows of plain cells to a CSV, TSV, JSON Lines or Parquet file that `read_rows` gives back unchanged."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from darse.data.read import FORMATS
from darse.errors import DataError, StoreError
from darse.files import sync
from darse.names import printable

if TYPE_CHECKING:
    import pyarrow.parquet as pq

Value = str | int | float | bool | None
"""What a written cell can hold."""
Record = Mapping[str, Value]

_BATCH_ROWS = 1024
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def write_rows(
    path: Path,
    columns: Sequence[str],
    rows: Iterable[Record],
    *,
    neutralise_formulas: bool = False,
) -> int:
    """Write rows as they come, all or nothing: the file appears when the last one is on disk.

    Text comes back as it was. A CSV or TSV knows text only, so that numbers come back as their digits and a
    missing value as the empty text.

    Args:
        path: The file; its suffix says the format, its folder is made if it is missing.
        columns: The columns in their order; a value that a row lacks is written as missing.
        rows: The rows; a generator is not collected.
        neutralise_formulas: Put `'` before text that a spreadsheet would run as a formula. It is off by
            default because the text then no longer comes back as it was.

    Returns:
        How many rows were written.

    Raises:
        DataError: The format is unknown, or a column or a value cannot be written so that it can be read.
        StoreError: The file cannot be written.
    """
    suffix = path.suffix.casefold()
    if suffix not in FORMATS:
        raise DataError(f"the format {suffix!r} is not known; use one of {', '.join(FORMATS)}", path=path)
    _check_columns(path, columns)
    remaining, count = iter(rows), 0
    with _replace(path) as file:
        sink = _open_sink(file, columns, suffix)
        while batch := list(islice(remaining, _BATCH_ROWS)):
            if neutralise_formulas:
                batch = [{name: neutralise(value) for name, value in row.items()} for row in batch]
            with _explaining(path, f"rows {count + 1} to {count + len(batch)}"):
                sink.write(batch)
            count += len(batch)
        with _explaining(path, "the end of the file"):
            sink.close()
    return count


def neutralise(value: Value) -> Value:
    """A cell that no spreadsheet runs as a formula; numbers, also negative ones, stay as they are.

    >>> neutralise("=HYPERLINK(1)"), neutralise(-0.5)
    ("'=HYPERLINK(1)", -0.5)
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_STARTS) else value


class _Sink(Protocol):
    def write(self, batch: Sequence[Record]) -> None: ...

    def close(self) -> None: ...


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    unfit = [name for name in columns if not name or name != name.strip() or name.startswith("\ufeff")]
    if unfit or not columns or len(set(columns)) < len(columns):
        shown = ", ".join(map(repr, columns))
        raise DataError(f"the columns ({shown}) need different names without white space around", path=path)


@contextlib.contextmanager
def _explaining(path: Path, what: str) -> Iterator[None]:
    """Errors of writing as ours; those of the rows' own iterator pass as they are."""
    try:
        yield
    except (ValueError, TypeError, OverflowError) as error:
        first = printable(str(error).partition("\n")[0], 200)
        raise DataError(f"{what} cannot be written: {first}", path=path) from error
    except OSError as error:
        raise _cannot_write(path, error) from error


@contextlib.contextmanager
def _replace(path: Path) -> Iterator[BinaryIO]:
    """A temporary file in the same folder that becomes the file when the block ends well."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise _cannot_write(path, error) from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb", buffering=0) as file:
            yield file
            _settle(path, temporary, file)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _settle(path: Path, temporary: Path, file: BinaryIO) -> None:
    try:
        os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
        sync(path.parent)
    except OSError as error:
        raise _cannot_write(path, error) from error


def _cannot_write(path: Path, error: OSError) -> StoreError:
    reason = error.strerror or str(error)
    return StoreError(f"cannot write {path}: {reason}; free some room or choose another path")


def _open_sink(file: BinaryIO, columns: Sequence[str], suffix: str) -> _Sink:
    return _ParquetSink(file, columns) if suffix == ".parquet" else _TextSink(file, columns, suffix)


class _TextSink:
    """Batches to CSV, TSV or JSON Lines."""

    def __init__(self, file: BinaryIO, columns: Sequence[str], suffix: str) -> None:
        self._file = file
        self._columns = columns
        self._delimiter = {".csv": ",", ".tsv": "\t"}.get(suffix)
        self._pending = b"" if self._delimiter is None else self._delimited([columns])

    def write(self, batch: Sequence[Record]) -> None:
        cells = [[row.get(name) for name in self._columns] for row in batch]
        content = self._json_lines(cells) if self._delimiter is None else self._delimited(cells)
        self._put(content)

    def close(self) -> None:
        self._put(b"")

    def _put(self, content: bytes) -> None:
        left = memoryview(self._pending + content)
        self._pending = b""
        while left:
            left = left[self._file.write(left) :]

    def _delimited(self, cells: Sequence[Sequence[Value]]) -> bytes:
        if any(isinstance(value, str) and "\0" in value for row in cells for value in row):
            raise ValueError("a text contains a NUL character")
        text = io.StringIO(newline="")
        # The writer quotes the characters of its own line end: with CR LF it quotes a lone CR too.
        csv.writer(text, delimiter=self._delimiter or ",", lineterminator="\r\n").writerows(cells)
        return text.getvalue().encode()

    def _json_lines(self, cells: Sequence[Sequence[Value]]) -> bytes:
        lines = (dict(zip(self._columns, row, strict=True)) for row in cells)
        written = (json.dumps(line, ensure_ascii=False, allow_nan=False) for line in lines)
        return "".join(f"{line}\n" for line in written).encode()


class _ParquetSink:
    """Batches to Parquet; the first one settles the types, and a column without any value in it is text."""

    def __init__(self, file: BinaryIO, columns: Sequence[str]) -> None:
        self._file = file
        self._columns = columns
        self._without_value: list[str] = []
        self._writer: pq.ParquetWriter | None = None

    def write(self, batch: Sequence[Record]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        cells = {name: [row.get(name) for row in batch] for name in self._columns}
        if self._writer is None:
            found = {name: pa.array(values).type for name, values in cells.items()}
            self._without_value = [name for name, kind in found.items() if kind == pa.null()]
            kinds = [(name, pa.string() if name in self._without_value else kind) for name, kind in found.items()]
            self._writer = pq.ParquetWriter(self._file, pa.schema(kinds))
        for name in self._without_value:
            cells[name] = [None if value is None else str(value) for value in cells[name]]
        self._writer.write_table(pa.table(cells, schema=self._writer.schema))

    def close(self) -> None:
        if self._writer is None:
            self.write([])
        if self._writer is not None:
            self._writer.close()
