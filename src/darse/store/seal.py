"""Values to sealed rows: canonical JSON text, with a digest over all columns that is checked on reading."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import RowMapping, Table

from darse.errors import StoreError
from darse.files import canonical_json, sha256_of_json
from darse.names import printable

MAX_KEY_LENGTH = 128
NUMBERED = "numbered"
"""Marks a column that the database fills, so that no digest can know it."""


class DamagedError(Exception):
    """Something stored is not what was written; becomes a `CorruptStoreError` that also names the place."""


def canonical(value: object, what: str) -> str:
    """A value as canonical JSON, or an error that says what it belongs to.

    Args:
        value: Anything JSON can say.
        what: Its name for the message.

    Raises:
        StoreError: It holds NaN, an infinity or something that is not JSON.
    """
    try:
        return canonical_json(value)
    except (TypeError, ValueError, RecursionError) as error:
        reason = printable(str(error), 80)
        raise StoreError(f"{what} cannot be stored as JSON: {reason}; give plain, finite values") from error


def checked_key(text: str, what: str) -> str:
    """A text that is used as a key, unchanged.

    Raises:
        StoreError: It is empty, longer than every database's column or has characters that cannot be printed.
    """
    if not text or len(text) > MAX_KEY_LENGTH or not text.isprintable():
        raise StoreError(f"{printable(text)!r} cannot name a {what}; use 1 to {MAX_KEY_LENGTH} printable characters")
    return text


def sealed(table: Table, values: Mapping[str, object]) -> dict[str, object]:
    """A row with its digest, ready to be inserted.

    Args:
        table: Where it goes; part of the digest, so that a row cannot pass for one of another table.
        values: Every column but the digest and those that are `NUMBERED`.

    Raises:
        StoreError: A number is NaN or infinite.
    """
    for column, value in values.items():
        canonical(value, f"{column} of a row of {table.name}")
    return {**values, "digest": _digest(table, values)}


def unsealed(table: Table, row: RowMapping, what: str) -> dict[str, object]:
    """The columns of a row, after a look at its digest.

    Args:
        table: Where the row came from.
        row: All columns of the table; further columns of a join are left out.
        what: The row's name for the message.

    Raises:
        DamagedError: The digest does not fit.
    """
    columns = [column for column in table.columns if not column.info.get(NUMBERED)]
    values: dict[str, object] = {column.name: row[column] for column in columns}
    digest = values.pop("digest")
    try:
        expected = _digest(table, values)
    except (TypeError, ValueError) as error:
        raise DamagedError(f"{what} holds a value of another type") from error
    if digest != expected:
        raise DamagedError(f"{what} does not fit its digest")
    return values


def _digest(table: Table, values: Mapping[str, object]) -> str:
    return sha256_of_json({"table": table.name, "values": dict(values)})
