"""Batches of rows to a Parquet file that is open."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, BinaryIO

from darse.data.kinds import Kinds, Record, as_kind, find_kinds
from darse.data.parquet import ArrowRow

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_GROUP_ROWS = 1 << 16
_GROUP_BYTES = 32 << 20
"""What of a Parquet file waits in memory."""


class ParquetSink:
    """Batches to Parquet; the first one settles the kinds that are not given."""

    def __init__(self, file: BinaryIO, columns: Sequence[str], kinds: Kinds | None) -> None:
        self._file, self._columns, self._kinds = file, columns, kinds
        self._groups: _Groups | None = None

    def write(self, batch: Sequence[Record]) -> None:
        """Add rows."""
        import pyarrow as pa

        kinds = self._kinds = find_kinds(batch) if self._kinds is None else self._kinds
        if self._groups is None:
            self._groups = _Groups(self._file, pa.schema([(n, _arrow_type(kinds.get(n, str))) for n in self._columns]))
        cells = {name: [as_kind(row.get(name), kinds.get(name, str)) for row in batch] for name in self._columns}
        self._groups.put(pa.RecordBatch.from_pydict(cells, schema=self._groups.schema))

    def close(self) -> None:
        """End the file."""
        if self._groups is None:
            self.write([])
        if self._groups is not None:
            self._groups.close()

    def discard(self) -> None:
        """Forget what is open; harmless after `close`."""
        if self._groups is not None:
            self._groups.discard()


class ArrowSink:
    """Rows of Arrow batches to Parquet, column for column, with new columns behind."""

    def __init__(self, file: BinaryIO, schema: pa.Schema, added: Kinds) -> None:
        import pyarrow as pa

        self._carried, self._added = schema, added
        for name, kind in added.items():
            schema = schema.append(pa.field(name, _arrow_type(kind)))
        self._groups = _Groups(file, schema)

    def write(self, batch: Sequence[tuple[ArrowRow, Record]]) -> None:
        """Add rows."""
        for _, group in groupby(batch, key=lambda row: id(row[0].batch)):
            self._put(list(group))

    def close(self) -> None:
        """End the file."""
        self._groups.close()

    def discard(self) -> None:
        """Forget what is open; harmless after `close`."""
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
