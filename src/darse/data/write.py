"""Rows of plain cells to a CSV, TSV, JSON Lines or Parquet file that `read_rows` gives back unchanged."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, TypeVar

from darse.data.carry import Json, Value, is_plain
from darse.data.labels import is_number
from darse.data.parquet import ArrowRow
from darse.data.read import FORMATS
from darse.errors import DataError
from darse.files import cannot_write, replacing_file
from darse.names import printable

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

Record = Mapping[str, Value]
Kinds = Mapping[str, type]
"""What the values of each column are: `bool`, `int`, `float`, or `str` for text and for a mixture."""

_BATCH_ROWS = 1024
_GROUP_ROWS = 1 << 16
_GROUP_BYTES = 32 << 20
"""What of a Parquet file waits in memory."""
_EXACT = 2**53
"""The largest whole number up to which a float holds each."""
_NOT_FINITE = frozenset({"NaN", "Infinity", "-Infinity"})
_FORMULA_STARTS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""Also in full width; source: OWASP, CSV Injection."""


def write_rows(
    path: Path,
    columns: Sequence[str],
    rows: Iterable[Record],
    *,
    kinds: Kinds | None = None,
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
        return _stream(path, lambda file: _ParquetSink(file, columns, kinds), rows)
    tell = neutralise if neutralise_formulas and suffix in {".csv", ".tsv"} else _unchanged
    return _stream(path, lambda file: _TextSink(file, columns, suffix, tell), rows)


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
    return _stream(path, lambda file: _ArrowSink(file, schema, added), rows)


def find_kinds(rows: Iterable[Record]) -> dict[str, type]:
    """What the values of each column are; whole numbers among others, as long as a float holds them, are numbers.

    >>> find_kinds([{"id": 1, "mixed": 1}, {"id": 0.5, "mixed": "a"}])
    {'id': <class 'float'>, 'mixed': <class 'str'>}
    """
    found: dict[str, set[str]] = {}
    for row in rows:
        for name, value in row.items():
            found.setdefault(name, set()).add(_kind_of(value))
    return {name: _common(kinds - {"none"}) for name, kinds in found.items()}


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
                files.append(stack.enter_context(replacing_file(path)))
            with _explaining(path, "a line"):
                _put_all(files[0], f"{_json_line(record)}\n".encode())

        yield put


def neutralise(value: Value) -> Value:
    """A cell that no spreadsheet runs as a formula; numbers, also negative ones in a text, stay as they are.

    >>> neutralise("=HYPERLINK(1)"), neutralise("-0.5"), neutralise(-0.5)
    ("'=HYPERLINK(1)", '-0.5', -0.5)
    """
    is_formula = isinstance(value, str) and value.startswith(_FORMULA_STARTS) and not is_number(value)
    return f"'{value}" if is_formula else value


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
    with replacing_file(path) as file:
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
    return is_plain(name) or (suffix not in {".csv", ".tsv"} and is_plain(name.replace("\0", "")))


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


class _TextSink:
    """Batches to CSV, TSV or JSON Lines."""

    def __init__(self, file: BinaryIO, columns: Sequence[str], suffix: str, guard: Callable[[Value], Value]) -> None:
        self._file = file
        self._columns = columns
        self._guard = guard
        self._delimiter = {".csv": ",", ".tsv": "\t"}.get(suffix)
        self._pending = b"" if self._delimiter is None else self._delimited([columns])

    def write(self, batch: Sequence[Record]) -> None:
        cells = [[row.get(name) for name in self._columns] for row in batch]
        content = self._json_lines(cells) if self._delimiter is None else self._delimited(cells)
        self._put(content)

    def close(self) -> None:
        self._put(b"")

    def discard(self) -> None:
        """Nothing is open."""

    def _put(self, content: bytes) -> None:
        _put_all(self._file, self._pending + content)
        self._pending = b""

    def _delimited(self, cells: Sequence[Sequence[Value]]) -> bytes:
        if any(isinstance(value, str) and "\0" in value for row in cells for value in row):
            raise ValueError("a text contains a NUL character")
        text = io.StringIO(newline="")
        # The writer quotes the characters of its own line end: with CR LF it quotes a lone CR too.
        plain = ([self._guard(value.text if isinstance(value, Json) else value) for value in row] for row in cells)
        csv.writer(text, delimiter=self._delimiter or ",", lineterminator="\r\n").writerows(plain)
        return text.getvalue().encode()

    def _json_lines(self, cells: Sequence[Sequence[Value]]) -> bytes:
        lines = (_json_line(dict(zip(self._columns, row, strict=True))) for row in cells)
        return "".join(f"{line}\n" for line in lines).encode()


def _put_all(file: BinaryIO, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[file.write(left) :]


def _json_line(record: Record) -> str:
    members = (f"{json.dumps(name, ensure_ascii=False)}: {_as_json(value)}" for name, value in record.items())
    return "{" + ", ".join(members) + "}"


def _as_json(value: Value) -> str:
    return value.text if isinstance(value, Json) else json.dumps(value, ensure_ascii=False, allow_nan=False)


class _ParquetSink:
    """Batches to Parquet; the first one settles the kinds that are not given."""

    def __init__(self, file: BinaryIO, columns: Sequence[str], kinds: Kinds | None) -> None:
        self._file, self._columns, self._kinds = file, columns, kinds
        self._groups: _Groups | None = None

    def write(self, batch: Sequence[Record]) -> None:
        import pyarrow as pa

        kinds = self._kinds = find_kinds(batch) if self._kinds is None else self._kinds
        if self._groups is None:
            self._groups = _Groups(self._file, pa.schema([(n, _arrow_type(kinds.get(n, str))) for n in self._columns]))
        cells = {name: [_as_kind(row.get(name), kinds.get(name, str)) for row in batch] for name in self._columns}
        self._groups.put(pa.RecordBatch.from_pydict(cells, schema=self._groups.schema))

    def close(self) -> None:
        if self._groups is None:
            self.write([])
        if self._groups is not None:
            self._groups.close()

    def discard(self) -> None:
        if self._groups is not None:
            self._groups.discard()


class _ArrowSink:
    """Rows of Arrow batches to Parquet, column for column, with new columns behind."""

    def __init__(self, file: BinaryIO, schema: pa.Schema, added: Kinds) -> None:
        import pyarrow as pa

        self._carried, self._added = schema, added
        for name, kind in added.items():
            schema = schema.append(pa.field(name, _arrow_type(kind)))
        self._groups = _Groups(file, schema)

    def write(self, batch: Sequence[tuple[ArrowRow, Record]]) -> None:
        for _, group in groupby(batch, key=lambda row: id(row[0].batch)):
            self._put(list(group))

    def close(self) -> None:
        self._groups.close()

    def discard(self) -> None:
        self._groups.discard()

    def _put(self, rows: Sequence[tuple[ArrowRow, Record]]) -> None:
        """Rows of one batch, in halves as long as a text that repeats makes them large."""
        import pyarrow as pa

        source = rows[0][0].batch
        taken = source.take(pa.array([carried.position for carried, _ in rows]))
        if len(rows) > 1 and sum(map(_plain_bytes, taken.columns)) > _GROUP_BYTES:
            self._put(rows[: len(rows) // 2])
            self._put(rows[len(rows) // 2 :])
            return
        arrays = [taken.column(field.name).cast(field.type) for field in self._carried]
        for name, kind in self._added.items():
            arrays.append(pa.array([fields.get(name) for _, fields in rows], _arrow_type(kind)))
        self._groups.put(pa.RecordBatch.from_arrays(arrays, schema=self._groups.schema))


class _Groups:
    """Record batches to the row groups of a Parquet file."""

    def __init__(self, file: BinaryIO, schema: pa.Schema) -> None:
        import pyarrow.parquet as pq

        self.schema = schema
        self._writer: pq.ParquetWriter = pq.ParquetWriter(file, schema)
        self._waiting: list[pa.RecordBatch] = []

    def put(self, batch: pa.RecordBatch) -> None:
        self._waiting.append(batch)
        rows, size = (
            sum(values) for values in zip(*((one.num_rows, one.nbytes) for one in self._waiting), strict=True)
        )
        if rows >= _GROUP_ROWS or size >= _GROUP_BYTES:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def discard(self) -> None:
        self._waiting.clear()
        if self._writer.is_open:
            # its destructor would close it, and complain of the same disk once more
            with contextlib.suppress(OSError, ValueError):
                self._writer.close()
            self._writer.is_open = False

    def _flush(self) -> None:
        import pyarrow as pa

        if self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting, self.schema))
            self._waiting.clear()


def _plain_bytes(column: pa.Array) -> int:
    """Bytes of a column once its repeated values are written out."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as types

    if not isinstance(column, pa.DictionaryArray):
        return int(column.nbytes)
    kind = column.dictionary.type
    if not any(is_kind(kind) for is_kind in (types.is_string, types.is_large_string, types.is_binary)):
        return int(column.indices.nbytes)
    return pc.sum(pc.binary_length(column.dictionary).take(column.indices)).as_py() or 0


def _arrow_type(kind: type) -> pa.DataType:
    import pyarrow as pa

    return {bool: pa.bool_(), int: pa.int64(), float: pa.float64()}.get(kind, pa.string())


def _kind_of(value: Value) -> str:
    if value is None:
        return "none"
    if isinstance(value, int) and not isinstance(value, bool):
        return "int" if abs(value) <= _EXACT else "long" if -(2**63) <= value < 2**63 else "str"
    if isinstance(value, Json):
        return "float" if value.text in _NOT_FINITE else "str"
    return type(value).__name__


def _common(kinds: set[str]) -> type:
    if kinds == {"bool"}:
        return bool
    if kinds and kinds <= {"int", "long"}:
        return int
    return float if kinds and kinds <= {"int", "float"} else str


def _as_kind(value: Value, kind: type) -> Value:
    if value is None:
        return None
    if kind is str:
        return value if isinstance(value, str) else _as_json(value)
    if kind is float and isinstance(value, Json | int):
        return float(value.text if isinstance(value, Json) else value)
    return value
