"""A path or a database address to an open store, made or upgraded first where that is needed."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import tempfile
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from darse.errors import CorruptStoreError, InputError, StoreError
from darse.files import permit, sync
from darse.names import printable_path
from darse.store.artifacts import ArtifactFolder, ArtifactTable
from darse.store.connect import place_of, prepare_sqlite, reading_sqlite, server_database, sqlite_database
from darse.store.faults import RESTORE, store_errors
from darse.store.folder import STORE_FILE
from darse.store.migrate import (
    RELEASED,
    Migrations,
    back_up_sqlite,
    check_schema,
    create_schema,
    read_version,
    upgrade_schema,
)
from darse.store.sql import SqlStore

BUSY_TIMEOUT_S = 60.0
"""Writers take turns of a few milliseconds; a minute means that something holds the file for good."""
READ_TIMEOUT_S = 5.0
"""Who only looks waits for a short while alone: readers do not wait for writers but where the log begins or ends."""
_SCHEME = re.compile(r"(postgres(ql)?|mysql|mariadb|oracle|mssql|sqlite)(\+\w+)?:", re.IGNORECASE)
_SQLITE_HEADER = b"SQLite format 3\x00"


def open_store(
    url_or_path: str | Path,
    *,
    must_exist: bool = False,
    busy_timeout_s: float = BUSY_TIMEOUT_S,
    migrations: Migrations = RELEASED,
) -> SqlStore:
    """Open the memory of studies; one that does not exist is made, unless it must, and an older schema is upgraded.

    Artifacts lie in a folder beside a SQLite file (`ArtifactFolder.beside`); a server keeps them itself, where every
    machine finds them.

    Args:
        url_or_path: A path or `sqlite:///path` for a SQLite file; any other SQLAlchemy address for a server.
        must_exist: Refuse a place that holds no store instead of making one there.
        busy_timeout_s: How long a writer of a SQLite file waits for another one.
        migrations: The series of schemas.

    Raises:
        InputError: There is no store, and it must exist.
        StoreError: The store cannot be opened; the message says why and what to do.
        CorruptStoreError: The file is damaged.

    >>> folder = tempfile.TemporaryDirectory()
    >>> with open_store(Path(folder.name) / "store.db") as store:
    ...     store.studies()
    []
    >>> folder.cleanup()
    """
    location = _locate(url_or_path)
    if isinstance(location, URL):
        return _open_server(location, migrations, must_exist=must_exist)
    if must_exist and not location.exists():
        raise _no_store(str(location))
    return _open_file(location, busy_timeout_s, migrations)


def read_store(url_or_path: str | Path) -> SqlStore:
    """Open a store to look at it while others write: it is not made, upgraded or checked as a whole, which takes long.

    A SQLite file is opened so that nothing can be changed.

    Args:
        url_or_path: As in `open_store`.

    Raises:
        InputError: There is no store.
        StoreError: It cannot be read, or is of an older release; the message says what to do.
        CorruptStoreError: The file is damaged.
    """
    location = _locate(url_or_path)
    with ExitStack() as stack:
        if isinstance(location, URL):
            database = server_database(location)
        else:
            if not location.exists():
                raise _no_store(str(location))
            with store_errors(str(location)):
                _check_file(location)
            database = reading_sqlite(location, busy_timeout_s=READ_TIMEOUT_S)
        stack.callback(database.close)
        with database.read() as connection:
            check_schema(connection, database.where)
        stack.pop_all()
    return SqlStore(database, ArtifactTable(database) if isinstance(location, URL) else ArtifactFolder.beside(location))


def open_study_store(folder: Path, address: str | None = None, *, must_exist: bool = False) -> SqlStore:
    """The store of a study's folder, or the one at an address, which folders may share; see `open_store`."""
    return open_store(folder / STORE_FILE if address is None else address, must_exist=must_exist)


def _locate(url_or_path: str | Path) -> URL | Path:
    """The file of a path or of a `sqlite:` address, or the address of a server."""
    text = str(url_or_path)
    if "\0" in text:
        raise StoreError(f"{text!r} cannot be the path of a store; remove the NUL character")
    if isinstance(url_or_path, Path):
        return url_or_path
    if "://" not in text:
        if _SCHEME.match(text):  # an address without its slashes, which may hold a password
            raise _unreadable()
        return Path(text)
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # neither the address nor what is said of it is shown: it may hold a password
        raise _unreadable() from None
    with store_errors("the address of the store"):
        backend = url.get_backend_name()
    if backend != "sqlite":
        if text.count("@") > 1 or "@" in place_of(url):  # the rest of a password would pass for what messages show
            raise StoreError("the address of the store is unclear; write / as %2F and @ as %40 in user and password")
        return url
    if url.drivername not in {"sqlite", "sqlite+pysqlite"} or url.host or url.username:
        raise StoreError(
            f"{url.drivername} with a driver, host, user or password of its own is not supported; write "
            "sqlite:///folder/store.db"
        )
    if not url.database or url.database == ":memory:" or url.query:
        raise StoreError(
            f"{place_of(url)} is not one SQLite file on disk; write sqlite:///folder/store.db, without options"
        )
    return Path(url.database)


def _unreadable() -> StoreError:
    return StoreError(
        "the address of the store cannot be read; write postgresql+psycopg://USER:PASSWORD@HOST:5432/NAME"
    )


def _no_store(where: str) -> InputError:
    return InputError(f"there is no store {printable_path(where)}; check --store")


def _open_server(url: URL, migrations: Migrations, *, must_exist: bool) -> SqlStore:
    with ExitStack() as stack:
        database = server_database(url)
        stack.callback(database.close)
        if must_exist:
            with database.read() as connection:
                if read_version(connection) is None:
                    raise _no_store(database.where)
        create_schema(database, migrations=migrations)
        # A server is backed up by its own tools; DDL there is one transaction.
        upgrade_schema(database, back_up=lambda version: None, migrations=migrations)
        stack.pop_all()
    return SqlStore(database, ArtifactTable(database))


def _open_file(path: Path, busy_timeout_s: float, migrations: Migrations) -> SqlStore:
    with store_errors(str(path)):
        if not path.is_symlink() and not path.exists():
            _create_file(path, migrations)
        _check_file(path)
    prepare_sqlite(path, busy_timeout_s=busy_timeout_s)
    with ExitStack() as stack:
        database = sqlite_database(path, busy_timeout_s=busy_timeout_s)
        stack.callback(database.close)
        upgrade_schema(database, back_up=lambda version: back_up_sqlite(path, version), migrations=migrations)
        stack.pop_all()
    return SqlStore(database, ArtifactFolder.beside(path))


def _create_file(path: Path, migrations: Migrations) -> None:
    """Make a complete, empty store under another name first, so that a path never holds half a store."""
    if not path.parent.is_dir():
        raise StoreError(f"{path.parent} is not a folder; make it first, or choose another --store")
    for suffix in ("-wal", "-journal"):
        leftover = path.with_name(path.name + suffix)
        # an empty one holds nothing: who only looked at a store has left it
        if leftover.exists() and leftover.stat().st_size:
            raise StoreError(f"{leftover} belongs to a store that is gone; restore {path} or move {leftover} away")
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".new", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        with contextlib.closing(sqlite_database(temporary, busy_timeout_s=BUSY_TIMEOUT_S)) as database:
            create_schema(database, migrations=migrations)
        # Only now the log: a disk that is full while a log is folded in at closing says nothing.
        prepare_sqlite(temporary, busy_timeout_s=BUSY_TIMEOUT_S)
        permit(temporary, 0o666)
        # A link, not a rename: if another process has made the store meanwhile, that one stays.
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(temporary)
        sync(path.parent)
    finally:
        for suffix in ("", "-wal", "-shm", "-journal"):
            temporary.with_name(temporary.name + suffix).unlink(missing_ok=True)


def _check_file(path: Path) -> None:
    """Refuse what is not a whole SQLite file before SQLite might wait for it, or take it for a new store."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise StoreError(f"{path} is not a regular file; choose another --store")
    with path.open("rb") as file:
        header = file.read(len(_SQLITE_HEADER))
    if not header:
        raise CorruptStoreError(f"{path} is empty; {RESTORE}")
    if header != _SQLITE_HEADER:
        raise CorruptStoreError(f"{path} is not a store, or its beginning is damaged; {RESTORE}")
