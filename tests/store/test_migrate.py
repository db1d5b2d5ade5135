from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from darse.errors import CorruptStoreError, StoreError
from darse.store.migrate import RELEASED
from darse.store.open import open_store
from darse.store.schema import METADATA, VERSION_TABLE

from .freeze import FOLDER
from .future import future_migrations
from .samples import contents, dump, fill


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A filled store of this release."""
    with open_store(tmp_path / "store.db") as store:
        fill(store)
    return tmp_path / "store.db"


def as_json(value: object) -> object:
    return json.loads(json.dumps(value))


@pytest.mark.parametrize("script", sorted(FOLDER.glob("*.sql")), ids=lambda script: script.stem)
def test_every_released_schema_opens_with_all_it_held(script: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection:
        connection.executescript(script.read_text())

    with open_store(tmp_path / "store.db") as store:
        assert as_json(contents(store)) == json.loads(script.with_suffix(".json").read_text())


def test_the_newest_schema_is_frozen_for_later_releases() -> None:
    config = Config()
    config.set_main_option("script_location", str(RELEASED.folder))
    config.set_main_option("path_separator", "os")
    revisions = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]

    assert revisions[0] == RELEASED.head
    assert sorted(revisions) == sorted(script.stem for script in FOLDER.glob("*.sql"))


def test_the_migrations_make_exactly_the_tables_of_the_code(path: Path) -> None:
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, METADATA) == []
    engine.dispose()


def test_an_older_schema_is_upgraded_after_a_backup(path: Path, tmp_path: Path) -> None:
    before = dump(path)
    with open_store(path) as store:
        said = contents(store)

    with open_store(path, migrations=future_migrations(tmp_path / "future")) as store:
        assert contents(store) == said
    assert dump(path)["darse_notes"] == [(1, "new")]
    backup = tmp_path / f"store.db.schema-{RELEASED.head}.bak"
    assert dump(backup) == before
    backup.rename(tmp_path / "restored.db")
    with open_store(tmp_path / "restored.db") as store:
        assert contents(store) == said


def test_an_upgrade_that_fails_changes_nothing(path: Path, tmp_path: Path) -> None:
    before = dump(path)
    broken = future_migrations(tmp_path / "future", last='op.execute("SELECT missing FROM darse_notes")')

    with pytest.raises(StoreError):
        open_store(path, migrations=broken)
    assert dump(path) == before


def test_a_newer_schema_is_refused_and_left_alone(path: Path, tmp_path: Path) -> None:
    open_store(path, migrations=future_migrations(tmp_path / "future")).close()
    before = path.read_bytes()

    with pytest.raises(StoreError, match=f"newer than {RELEASED.head} of this release; upgrade darse"):
        open_store(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("version", ["", "1", "000x", "٠٠٠١", "head"])
def test_a_schema_number_that_no_release_has_written_is_damage(path: Path, version: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = ?", (version,))

    with pytest.raises(CorruptStoreError, match="no valid schema number"):
        open_store(path)


def test_opening_an_up_to_date_store_does_not_import_alembic(path: Path) -> None:
    code = (
        "import sys; from darse.store.open import open_store; open_store(sys.argv[1]).close();"
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 0
