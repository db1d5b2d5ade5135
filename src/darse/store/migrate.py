"""A database of any released schema to one of this release's schema, or a refusal."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, String, Table, func, inspect, select

from darse.errors import CorruptStoreError, StoreError
from darse.files import sync
from darse.names import printable
from darse.store.connect import Database
from darse.store.faults import FOREIGN, RESTORE, store_errors
from darse.store.schema import VERSION_TABLE
from darse.store.studies import create_ledger

_VERSION = Table(VERSION_TABLE, MetaData(), Column("version_num", String(32)))
_POSTGRES_LOCK = 0x0DA12E


@dataclass(frozen=True, slots=True)
class Migrations:
    """A series of schemas.

    Attributes:
        folder: Where Alembic finds env.py and versions/.
        head: The newest revision; revisions are numbers of four digits.
    """

    folder: Path
    head: str


RELEASED = Migrations(Path(__file__).parent / "migrations", "0004")


def create_schema(database: Database, *, migrations: Migrations = RELEASED) -> None:
    """Make the tables of a store in a database that has none; does nothing if they are there."""
    with database.write() as connection:
        _take_turns(connection)
        if read_version(connection) is None:
            _run(connection, database.where, migrations)
            create_ledger(connection)


def upgrade_schema(database: Database, *, back_up: Callable[[str], object], migrations: Migrations = RELEASED) -> None:
    """Bring an older schema up to date; does nothing, and does it fast, if it is.

    Args:
        database: What to upgrade.
        back_up: Copies the database before it is changed, given the old revision.
        migrations: The series of schemas.

    Raises:
        StoreError: The database is of a newer release or of another program.
    """
    with database.read() as connection:
        if _is_current(connection, database.where, migrations):
            return
    with database.write() as connection:
        _take_turns(connection)
        if not _is_current(connection, database.where, migrations):
            back_up(str(read_version(connection)))
            _run(connection, database.where, migrations)


def check_schema(connection: Connection, where: str, migrations: Migrations = RELEASED) -> None:
    """Refuse a database whose schema is not this release's own.

    Raises:
        StoreError: It is of another release or of another program.
    """
    if not _is_current(connection, where, migrations):
        raise StoreError(
            f"{where} has schema {read_version(connection)}, older than {migrations.head} of this release; "
            "`darse studies` upgrades it, and keeps a copy of what was before"
        )


def read_version(connection: Connection) -> str | None:
    """The revision of the database's schema; None if it has no tables of ours."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return str(connection.execute(select(_VERSION.c.version_num)).scalar_one_or_none())


def back_up_sqlite(path: Path, version: str) -> Path:
    """Copy a SQLite file durably to `<name>.schema-<version>.bak` beside it."""
    target = path.with_name(f"{path.name}.schema-{version}.bak")
    with store_errors(str(target)):
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            _copy_sqlite(path, temporary)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
        sync(path.parent)
    return target


def _is_current(connection: Connection, where: str, migrations: Migrations) -> bool:
    version = read_version(connection)
    if version is None:
        raise StoreError(f"{where} {FOREIGN}")
    if len(version) != len(migrations.head) or not (version.isascii() and version.isdecimal()):
        raise CorruptStoreError(f"{where} has no valid schema number but {printable(version)!r}; {RESTORE}")
    if version > migrations.head:
        raise StoreError(f"{where} has schema {version}, newer than {migrations.head} of this release; upgrade darse")
    return version == migrations.head


def _take_turns(connection: Connection) -> None:
    """Let one process at a time change the schema; SQLite's write lock does that already."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_POSTGRES_LOCK)))


def _run(connection: Connection, where: str, migrations: Migrations) -> None:
    """Run Alembic up to the newest revision inside the caller's transaction."""
    # Imported here: a store that is up to date opens without it.
    from alembic.command import upgrade
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(migrations.folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    try:
        upgrade(config, "head")
    except CommandError as error:
        raise StoreError(f"{where} cannot be upgraded: {printable(str(error), 160)}; install darse again") from error
    if read_version(connection) != migrations.head:
        raise StoreError(f"{where} was not upgraded to schema {migrations.head}; install darse again")


def _copy_sqlite(path: Path, target: Path) -> None:
    """Copy the last committed state of a SQLite file, also while it is in use."""
    source = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    copy = sqlite3.connect(target)
    try:
        source.backup(copy)
    finally:
        copy.close()
        source.close()
    sync(target)
