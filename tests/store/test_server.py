"""What a database server adds to the contract: artifacts for everybody, upgrades, many processes, no password told."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, create_engine, delete, insert, make_url, select

from darse.errors import InputError, StoreError
from darse.store.connect import Database, server_database
from darse.store.migrate import RELEASED, Migrations, create_schema, read_version
from darse.store.open import open_store
from darse.store.protocol import Store
from darse.store.schema import VERSION_TABLE
from tests.postgres import PASSWORD, fresh_schema

from .conftest import Reopen
from .freeze import FOLDER
from .samples import contents, dump
from .scenarios.command import problems_of


@pytest.fixture
def address(postgres_server: str) -> Iterator[str]:
    """The address of a store on a server that does not exist yet."""
    with fresh_schema(postgres_server) as url:
        yield url


def migrations_until(head: str, folder: Path) -> Migrations:
    """The released migrations up to one of them, as an older release had them."""

    def newer(_: str, names: list[str]) -> list[str]:
        return [name for name in names if name[:4].isdigit() and name[:4] > head]

    shutil.copytree(RELEASED.folder, folder, ignore=newer)
    return Migrations(folder, head)


def copy_rows(script: Path, database: Database, folder: Path) -> None:
    """The rows of a released SQLite store to the same tables elsewhere."""
    with closing(sqlite3.connect(folder / "source.db")) as connection:
        connection.executescript(script.read_text())
    source, tables = create_engine(f"sqlite:///{folder}/source.db"), MetaData()
    with source.connect() as old, database.write() as new:
        tables.reflect(old)
        for table in tables.sorted_tables:
            rows = [dict(row) for row in old.execute(select(table)).mappings()]
            if table.name != VERSION_TABLE and rows:
                new.execute(delete(table))
                new.execute(insert(table), rows)
    source.dispose()


def test_a_store_that_must_exist_is_not_made_in_an_empty_database(address: str) -> None:
    with pytest.raises(InputError, match=r"there is no store postgresql\+psycopg://.*; check --store") as caught:
        open_store(address, must_exist=True)
    assert PASSWORD not in str(caught.value)
    database = server_database(make_url(address))
    with closing(database), database.read() as connection:
        assert read_version(connection) is None
    open_store(address).close()
    open_store(address, must_exist=True).close()


@pytest.mark.parametrize("script", sorted(FOLDER.glob("*.sql")), ids=lambda script: script.stem)
def test_every_released_schema_on_a_server_is_upgraded_with_all_it_held(
    script: Path, address: str, tmp_path: Path
) -> None:
    with closing(server_database(make_url(address))) as database:
        create_schema(database, migrations=migrations_until(script.stem, tmp_path / "migrations"))
        copy_rows(script, database, tmp_path)

        with open_store(address) as store:
            said = json.loads(json.dumps(contents(store)))
            assert store.artifact(store.put_artifact(b"weights")) == b"weights"
        assert said == json.loads(script.with_suffix(".json").read_text())
        with database.read() as connection:
            assert read_version(connection) == RELEASED.head


def test_an_artifact_is_read_by_a_process_that_shares_nothing_but_the_server(store: Store, reopen: Reopen) -> None:
    content = bytes(range(256)) * 5000

    assert reopen().artifact(store.put_artifact(content)) == content


def test_writers_of_one_artifact_at_the_same_moment_keep_it_once(address: str) -> None:
    content = b"weights" * 100_000
    with open_store(address) as store, ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(store.put_artifact, [content] * 24))) == 1
    assert len(dump(address)["darse_artifacts"]) == 1


@pytest.mark.parametrize("scenario", ["R9", "R10", "R11"])
def test_many_processes_on_a_server_lose_nothing_and_overwrite_nothing(
    scenario: str, address: str, tmp_path: Path
) -> None:
    assert problems_of(scenario, tmp_path, store=address) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"password": "hidden"}, "password authentication failed"),
        ({"password": "hid/den:%?#@"}, "password authentication failed"),
        ({"username": "nobody", "password": "hidden"}, "password authentication failed"),
        ({"database": "missing"}, "does not exist"),
        ({"port": 1}, "refused"),
    ],
    ids=["password", "odd password", "user", "database", "port"],
)
def test_what_a_server_refuses_is_one_line_with_its_place_and_no_password(
    change: dict[str, Any], said: str, postgres_server: str
) -> None:
    url = make_url(postgres_server).set(**change)

    with pytest.raises(StoreError, match=said) as caught:
        open_store(url.render_as_string(hide_password=False))
    message = str(caught.value)
    assert message.startswith(f"postgresql+psycopg://127.0.0.1:{url.port}/{url.database}: ")
    assert "\n" not in message
    assert not any(secret in message for secret in ("hid", "den", PASSWORD))


def test_doctor_names_a_server_without_its_password(
    address: str, tiny_bert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from darse.cli.main import run

    assert run(["doctor", "--model", str(tiny_bert), "--store", address]) == 0
    said = capsys.readouterr().out
    assert "0 studies" in said
    assert PASSWORD not in said
