"""Errors of databases and disks to one-line store errors that name the place and the remedy."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from darse.errors import CorruptStoreError, StoreError
from darse.names import first_line
from darse.store.seal import DamagedError

RESTORE = "restore it from a backup, or start again with another --store"
FOREIGN = "belongs to another program, it has no table of a DARSE store; choose another --store"
_ROOM = "free some room and start again: everything finished so far is kept"
_SQLITE_FAULTS = {
    sqlite3.SQLITE_BUSY: ("is locked by another process", "let that process finish and start again"),
    sqlite3.SQLITE_LOCKED: ("is locked by another process", "let that process finish and start again"),
    sqlite3.SQLITE_FULL: ("cannot grow because the disk is full", _ROOM),
    sqlite3.SQLITE_IOERR: ("cannot be read or written, the disk is full or failing", _ROOM),
    sqlite3.SQLITE_NOMEM: ("needs more memory than there is", "free some memory and start again"),
    sqlite3.SQLITE_READONLY: (
        "is read-only",
        "allow writing to the file and its folder, or choose another --store",
    ),
    sqlite3.SQLITE_PERM: ("may not be used by you", "allow writing to the file and its folder"),
    sqlite3.SQLITE_CANTOPEN: ("cannot be opened", "check that the folder exists and may be written"),
}
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_SCHEMA})


@contextmanager
def store_errors(where: str) -> Iterator[None]:
    """Turn whatever a database or a disk raises inside into a `StoreError` of one line.

    This is the only place that knows what SQLAlchemy at work, its drivers and the operating system raise.

    Args:
        where: The store's file, or its address without the password.

    Raises:
        StoreError: The database cannot be used now; the message says why and what to do.
        CorruptStoreError: What was read is not what was written.
    """
    try:
        yield
    except DamagedError as error:
        raise CorruptStoreError(f"{where}: {error}; {RESTORE}") from error
    except DBAPIError as error:
        raise _from_driver(error.orig, where) from error
    except SQLAlchemyError as error:
        raise StoreError(f"{where}: {first_line(error)}; check the address of the store") from error
    except sqlite3.Error as error:
        raise _from_driver(error, where) from error
    except UnicodeDecodeError as error:
        raise CorruptStoreError(f"{where} is damaged: it holds text that is no text; {RESTORE}") from error
    except OSError as error:
        reason = error.strerror or first_line(error)
        raise StoreError(f"{where} cannot be used: {reason}; check the folder and its permissions") from error


def _from_driver(error: BaseException | None, where: str) -> StoreError:
    """The store error for what a database driver raised."""
    if not isinstance(error, sqlite3.Error):
        return StoreError(f"{where}: {first_line(error)}; check that the server runs and is reachable")
    code = getattr(error, "sqlite_errorcode", None)
    if code is None or code & 0xFF in _DAMAGE or _is_schema_damage(error):
        return CorruptStoreError(f"{where} is damaged: {first_line(error)}; {RESTORE}")
    what, remedy = _SQLITE_FAULTS.get(code & 0xFF, (f"failed: {first_line(error)}", RESTORE))
    return StoreError(f"{where} {what}; {remedy}")


def _is_schema_damage(error: sqlite3.Error) -> bool:
    """Whether a table or a column is gone that every store of this schema has."""
    return str(error).startswith(("no such table", "no such column", "no such index", "table darse_"))
