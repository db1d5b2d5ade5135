from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy.exc import ArgumentError, OperationalError

from darse.errors import CorruptStoreError, StaleLeaseError, StoreError
from darse.store.faults import store_errors
from darse.store.seal import DamagedError


def sqlite_error(code: int | None, message: str = "what SQLite says\nin two lines") -> sqlite3.Error:
    error = sqlite3.OperationalError(message)
    if code is not None:
        error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (sqlite_error(sqlite3.SQLITE_BUSY), StoreError, "locked"),
        (sqlite_error(sqlite3.SQLITE_FULL), StoreError, "disk is full"),
        (sqlite_error(sqlite3.SQLITE_IOERR_WRITE), StoreError, "full or failing"),
        (sqlite_error(sqlite3.SQLITE_READONLY_DIRECTORY), StoreError, "read-only"),
        (sqlite_error(sqlite3.SQLITE_CANTOPEN), StoreError, "cannot be opened"),
        (sqlite_error(sqlite3.SQLITE_CORRUPT), CorruptStoreError, "damaged"),
        (sqlite_error(sqlite3.SQLITE_NOTADB), CorruptStoreError, "damaged"),
        (sqlite_error(sqlite3.SQLITE_ERROR, "no such table: darse_trials"), CorruptStoreError, "damaged"),
        (sqlite_error(sqlite3.SQLITE_MISUSE), StoreError, "what SQLite says"),
        (sqlite_error(None, "Could not decode to UTF-8 column 'body'"), CorruptStoreError, "damaged"),
        (OperationalError("SELECT 1", {}, sqlite_error(sqlite3.SQLITE_FULL)), StoreError, "disk is full"),
        (OperationalError("SELECT 1", {}, Exception("gone\nhint")), StoreError, "gone; check that the server runs"),
        (ArgumentError("no such\naddress"), StoreError, "no such; check the address"),
        (UnicodeDecodeError("utf-8", b"\xf5", 0, 1, "invalid start byte"), CorruptStoreError, "damaged"),
        (DamagedError("trial x does not fit its digest"), CorruptStoreError, "trial x does not fit"),
        (PermissionError(13, "Permission denied"), StoreError, "Permission denied; check the folder"),
    ],
)
def test_every_error_becomes_one_line_with_the_place_and_a_remedy(
    error: Exception, kind: type[StoreError], words: str
) -> None:
    with pytest.raises(StoreError, match=words) as caught, store_errors("/folder/store.db"):
        raise error

    assert type(caught.value) is kind
    assert str(caught.value).startswith("/folder/store.db")
    assert "; " in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is error


def test_a_store_error_passes_as_it_is() -> None:
    error = StaleLeaseError("another worker has it")

    with pytest.raises(StaleLeaseError) as caught, store_errors("/folder/store.db"):
        raise error
    assert caught.value is error


def test_a_bug_is_not_hidden_as_a_store_error() -> None:
    with pytest.raises(ZeroDivisionError), store_errors("/folder/store.db"):
        raise ZeroDivisionError
