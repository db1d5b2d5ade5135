"""A database address to read and write transactions that are right for it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, NullPool, Pool, QueuePool, create_engine, event

from darse.errors import StoreError
from darse.names import printable
from darse.store.faults import FOREIGN, store_errors
from darse.store.schema import VERSION_TABLE
from darse.store.seal import DamagedError

_BEGIN = "darse_begin"


class Database:
    """Transactions on one database, for several threads and across `fork`.

    Args:
        engine: What connects; reading and writing share its pool.
        where: The database's name for messages, without a password.
    """

    def __init__(self, engine: Engine, where: str) -> None:
        self.where = where
        self._engine = engine
        if engine.dialect.name == "sqlite":
            self._reader = engine
            # Locked from the start: a reader that turns into a writer could find its snapshot outdated.
            self._writer = engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
        else:
            # One snapshot per read, so that a study's counts and its rows always belong together.
            self._reader = engine.execution_options(isolation_level="REPEATABLE READ")
            self._writer = engine.execution_options(isolation_level="READ COMMITTED")
        self._process = os.getpid()
        self._inherited: list[Pool] = []

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view of the database; never waits for a writer."""
        with store_errors(self.where), self._of_this_process(self._reader).begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One change, all or nothing, durable when the block is left."""
        with store_errors(self.where), self._of_this_process(self._writer).begin() as connection:
            yield connection

    def close(self) -> None:
        """Close all connections; the last one of a SQLite file folds its log into it."""
        with store_errors(self.where):
            self._engine.dispose(close=self._process == os.getpid())

    def _of_this_process(self, engine: Engine) -> Engine:
        """The engine, without connections that a forked child inherited and must neither use nor close."""
        if self._process != os.getpid():
            self._inherited.append(self._engine.pool)
            self._engine.dispose(close=False)
            self._process = os.getpid()
        return engine


def sqlite_database(path: Path, *, busy_timeout_s: float) -> Database:
    """Transactions on an existing SQLite file.

    Args:
        path: The file; it is never created here, so that a lost file is an error and not an empty store.
        busy_timeout_s: How long a writer waits for another one.
    """
    return _sqlite(path, "rw", busy_timeout_s, QueuePool, pool_size=8, max_overflow=-1)


def reading_sqlite(path: Path, *, busy_timeout_s: float) -> Database:
    """The same to look at a file that others write: nothing can be changed.

    A connection lasts for one read, so none is open while nobody looks: whoever writes closes the file as if alone.
    """
    return _sqlite(path, "ro", busy_timeout_s, NullPool)


def _sqlite(path: Path, mode: str, busy_timeout_s: float, pool: type[Pool], **sizes: int) -> Database:
    address = f"{path.absolute().as_uri()}?mode={mode}"

    def connect() -> sqlite3.Connection:
        # isolation_level=None: SQLAlchemy says BEGIN (below), the driver's own guesses are off.
        connection = sqlite3.connect(
            address, uri=True, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA cell_size_check = ON")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=pool, **sizes)
    event.listen(engine, "begin", _begin_sqlite)
    return Database(engine, str(path))


def server_database(url: URL) -> Database:
    """Transactions on a database server.

    Args:
        url: Its address.

    Raises:
        StoreError: The driver is not installed or the address makes no sense.
    """
    where = place_of(url)
    with store_errors(where):
        try:
            engine = create_engine(url, pool_pre_ping=True)
        except ImportError as error:
            module = error.name or str(error)
            is_postgres = url.get_backend_name() == "postgresql"
            remedy = "run: pip install 'psycopg[binary]'" if is_postgres else "install the package that brings it"
            if is_postgres and module != "psycopg":
                remedy = f"write postgresql+psycopg:// and {remedy}"
            raise StoreError(f"{where} needs the driver {module}; {remedy}") from error
    return Database(engine, where)


def place_of(url: URL) -> str:
    """A server's address for messages: no user, no password, no options, which may hold one too."""
    host = (url.host or "").rpartition("@")[2]
    port = "" if url.port is None else f":{url.port}"
    return f"{url.drivername}://{host}{port}/{url.database or ''}"


def prepare_sqlite(path: Path, *, busy_timeout_s: float) -> None:
    """Refuse a file whose pages do not fit together or that is no store, and have a store keep a write-ahead log.

    With the log, readers and a writer do not wait for each other. The check costs about a millisecond for
    each MiB and keeps a damaged file from being written to, which would make it worse.

    Raises:
        CorruptStoreError: The pages do not fit together.
        StoreError: The file is another program's, or the disk cannot hold a write-ahead log.
    """
    with store_errors(str(path)):
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=busy_timeout_s)
        try:
            finding = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
            if finding != "ok":
                raise DamagedError(printable(" ".join(finding.split()), 120))
            # before the log: it changes the file for good
            if connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [VERSION_TABLE]).fetchone() is None:
                raise StoreError(f"{path} {FOREIGN}")
            if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
                if mode != "wal":
                    raise StoreError(f"{path} cannot use a write-ahead log; put the store on a local disk")
        finally:
            connection.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(str(connection.get_execution_options().get(_BEGIN, "BEGIN")))
