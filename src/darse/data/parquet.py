"""A Parquet file to raw rows, a few hundred at a time, columns of lists and other non-scalars left unread."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from darse.data.carry import Value, as_value
from darse.data.open_file import open_regular
from darse.data.row import MAX_COLUMNS, MAX_RECORD_CHARACTERS, Cell, Row, Unusable, as_cell
from darse.errors import DataError
from darse.names import printable

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_BATCH_ROWS = 512
_NESTED_BATCH_ROWS = 32
_MAX_GROUP_BYTES = 2 << 30
"""Unpacked bytes of one row group; usual writers stay far below, a bomb does not."""


class ArrowRow(Mapping[str, Value]):
    """One row of an Arrow batch; its values are converted when they are asked for.

    Args:
        batch: Every column of some rows.
        position: Which of them.
        cells: The row's cells.
    """

    def __init__(self, batch: pa.RecordBatch, position: int, cells: Mapping[str, Cell]) -> None:
        self.batch, self.position, self._cells = batch, position, cells

    def __getitem__(self, name: str) -> Value:
        import pyarrow.types as types

        cell, kind = self._cells[name], self.batch.schema.field(name).type
        kind = kind.value_type if types.is_dictionary(kind) else kind
        if not isinstance(cell, Unusable) and not types.is_decimal(kind):
            return as_value(cell)
        return _converted(self.batch.column(name)[self.position])

    def __iter__(self) -> Iterator[str]:
        return iter(self._cells)

    def __len__(self) -> int:
        return len(self._cells)


def read_schema(path: Path) -> pa.Schema:
    """The columns of a Parquet file and their types.

    Raises:
        DataError: As `read_parquet`.
    """
    return _metadata(path).schema.to_arrow_schema()


def row_count(path: Path) -> int:
    """How many rows a Parquet file says that it has.

    Raises:
        DataError: As `read_parquet`.
    """
    return int(_metadata(path).num_rows)


def _metadata(path: Path) -> pq.FileMetaData:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with open_regular(path) as file:
        try:
            return pq.read_metadata(file)
        except (pa.ArrowException, ValueError, OSError) as error:
            raise DataError("the Parquet file is damaged; write it again", path=path) from error


def read_parquet(path: Path, *, whole: bool = False) -> Generator[Row, None, None]:
    """Rows of a Parquet file; the line of a row is its number, counted from 1.

    Strings are read as dictionaries: a long string that a hostile file repeats a million times is in memory
    once.

    Args:
        path: The file.
        whole: Read every column, and carry the values beside the cells as an `ArrowRow`.

    Raises:
        DataError: The file is damaged, has no rows, names a column twice or unpacks to too much.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    damaged = (pa.ArrowException, ValueError, RuntimeError, LookupError, TypeError, MemoryError)
    with open_regular(path) as file:
        if file.read(4) != b"PAR1":
            raise DataError("the file does not begin like a Parquet file; check its name", path=path)
        file.seek(0)
        try:
            schema = pq.read_schema(file)
            file.seek(0)
            repeated = [f.name for f in schema if _is_text(f.type) or (whole and _is_bytes(f.type))]
            table = pq.ParquetFile(file, read_dictionary=repeated)
            scalars = _check_table(path, table)
            yield from _read_batches(path, table, scalars, whole=whole)
        except damaged as error:
            first = printable(str(error).strip().partition("\n")[0], 200)
            raise DataError(f"the Parquet file is damaged: {first}; write it again", path=path) from error


def _check_table(path: Path, table: pq.ParquetFile) -> list[str]:
    """The columns worth reading, after the checks that need no data."""
    names = list(table.schema_arrow.names)
    if len(names) > MAX_COLUMNS:
        raise DataError(f"the file has {len(names)} columns, more than {MAX_COLUMNS}", path=path)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"the column {printable(twice)!r} stands twice; give each column its own name", path=path)
    if table.metadata.num_rows == 0:
        raise DataError("the file has no rows", path=path)
    scalars = [field.name for field in table.schema_arrow if _is_scalar(field.type)]
    for group in range(table.metadata.num_row_groups):
        # Sizes by column would be finer, but asking for them aborts the process if the file is damaged there.
        size = table.metadata.row_group(group).total_byte_size
        if size > _MAX_GROUP_BYTES:
            raise DataError(
                f"a row group unpacks to {size:,} bytes, more than {_MAX_GROUP_BYTES:,}; write smaller ones",
                path=path,
            )
    return scalars


def _read_batches(path: Path, table: pq.ParquetFile, scalars: list[str], *, whole: bool) -> Iterator[Row]:
    unread = [field for field in table.schema_arrow if field.name not in scalars]
    others: dict[str, Cell] = {field.name: Unusable(f"a {field.type}") for field in unread}
    names, line = table.schema_arrow.names, 0
    size = _NESTED_BATCH_ROWS if whole and unread else _BATCH_ROWS
    for batch in table.iter_batches(batch_size=size, columns=names if whole else scalars, use_threads=False):
        if batch.nbytes > _MAX_GROUP_BYTES:
            raise DataError(
                f"{size} rows unpack to more than {_MAX_GROUP_BYTES:,} bytes; write smaller ones", path=path
            )
        columns = {name: _cells(batch.column(name)) for name in scalars}
        for position in range(batch.num_rows):
            line += 1
            cells = {name: columns[name][position] if name in columns else others[name] for name in names}
            yield Row(line, cells, carried=ArrowRow(batch, position, cells) if whole else None)


def _cells(column: pa.Array) -> list[Cell]:
    import pyarrow as pa

    if isinstance(column, pa.DictionaryArray):
        used = column.indices.unique().drop_null()
        values = dict(zip(used.to_pylist(), _cells(column.dictionary.take(used)), strict=True))
        values[None] = None
        return [values[index] for index in column.indices.to_pylist()]
    if _is_text(column.type):
        # Strings in a damaged file need not be UTF-8, and one bad string must not cost the batch.
        return [_decode(content) for content in column.cast(pa.large_binary())]
    if pa.types.is_temporal(column.type):
        return _moments(column)
    return [as_cell(value) for value in column.to_pylist()]


def _moments(column: pa.Array) -> list[Cell]:
    """Dates and times as text, those of a time zone in UTC."""
    import pyarrow as pa

    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        column = column.cast(pa.timestamp(column.type.unit, "UTC"))
    texts: list[Cell] = column.cast(pa.string()).to_pylist()
    return texts


def _converted(scalar: pa.Scalar) -> Value:
    """A value that no cell can hold; text that is not UTF-8 shows its bytes as escapes."""
    import pyarrow as pa

    if isinstance(scalar, pa.DictionaryScalar):
        scalar = scalar.value
    try:
        return as_value(scalar.as_py())
    except UnicodeDecodeError:
        if not _is_text(scalar.type):
            return str(scalar)
        return as_value(str(scalar.as_buffer().to_pybytes(), "utf-8", "backslashreplace"))
    except ValueError:  # a moment that Python cannot hold
        return str(scalar)


def _decode(content: pa.Scalar) -> Cell:
    buffer = content.as_buffer()
    if buffer is None:
        return None
    if buffer.size > MAX_RECORD_CHARACTERS:
        return Unusable(f"a string of {buffer.size:,} bytes")
    try:
        return str(buffer.to_pybytes(), "utf-8")
    except UnicodeDecodeError:
        return Unusable("a string that is not UTF-8")


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow.types as types

    is_text: bool = types.is_string(kind) or types.is_large_string(kind)
    return is_text


def _is_bytes(kind: pa.DataType) -> bool:
    import pyarrow.types as types

    is_bytes: bool = types.is_binary(kind) or types.is_large_binary(kind)
    return is_bytes


def _is_scalar(kind: pa.DataType) -> bool:
    import pyarrow.types as types

    if types.is_dictionary(kind):
        return _is_scalar(kind.value_type)
    is_scalar: bool = (
        _is_text(kind)
        or types.is_boolean(kind)
        or types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_decimal(kind)
        or types.is_null(kind)
        or types.is_date(kind)
        or types.is_time(kind)
        or types.is_timestamp(kind)
    )
    return is_scalar
