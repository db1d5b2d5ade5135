from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import traceback
from contextlib import closing
from pathlib import Path

import pytest

from darse.errors import CorruptStoreError, InputError, StoreError
from darse.store.artifacts import ArtifactFolder
from darse.store.open import open_store

from .samples import STUDY, a_record, a_spec, an_outcome, claimed, contents, fill


def refusal(place: str | Path) -> str:
    """The one line that refuses a place."""
    with pytest.raises(StoreError) as caught:
        open_store(place)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 3
    return str(caught.value)


def test_a_path_and_its_address_are_the_same_store(tmp_path: Path) -> None:
    with open_store(tmp_path / "store.db") as store:
        fill(store)
        said = contents(store)

    for place in (f"sqlite:///{tmp_path}/store.db", str(tmp_path / "store.db")):
        with open_store(place) as store:
            assert contents(store) == said


@pytest.mark.parametrize("name", ["a b.db", "50%.db", "what?.db", "#1.db", "Grüße.db", "a&b=c.db", ":memory:x"])
def test_any_file_name_works(tmp_path: Path, name: str) -> None:
    with open_store(tmp_path / name) as store:
        store.register_study(a_record())

    assert (tmp_path / name).is_file()
    with open_store(tmp_path / name) as store:
        assert store.studies() == [a_record()]


def test_a_closed_store_leaves_one_file_and_its_artifacts(tmp_path: Path) -> None:
    with open_store(tmp_path / "store.db") as store:
        fill(store)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["store-artifacts", "store.db"]


@pytest.mark.parametrize("place", ["{}/study.db", "sqlite:///{}/study.db"])
def test_a_studys_own_store_has_its_artifacts_in_one_place_however_it_is_named(place: str, tmp_path: Path) -> None:
    with open_store(tmp_path / "study.db") as store:
        digest = store.put_artifact(b"weights")
    assert (tmp_path / "artifacts" / digest[:2] / digest).is_file()
    with open_store(place.format(tmp_path)) as store:
        assert store.artifact(digest) == b"weights"
        store.put_artifact(b"losses")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["artifacts", "study.db"]


def test_artifacts_that_earlier_versions_put_beside_a_studys_own_store_are_found(tmp_path: Path) -> None:
    digest = ArtifactFolder(tmp_path / "study-artifacts").put(b"weights")
    with open_store(tmp_path / "study.db") as store:
        assert store.artifact(digest) == b"weights"


def test_sqlite_is_durable_checked_and_has_a_write_ahead_log(tmp_path: Path) -> None:
    with open_store(tmp_path / "store.db") as store, store._database.read() as connection:
        modes = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }

    assert modes == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 60000}


@pytest.mark.parametrize("form", ["{}", "sqlite:///{}", "sqlite+pysqlite:///{}"])
def test_a_store_that_must_exist_is_not_made(form: str, tmp_path: Path) -> None:
    place = form.format(tmp_path / "store.db")
    with pytest.raises(InputError, match=rf"there is no store {tmp_path}/store\.db; check --store"):
        open_store(place, must_exist=True)
    assert not list(tmp_path.iterdir())
    open_store(place).close()
    open_store(place, must_exist=True).close()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert f"{tmp_path}/missing is not a folder" in refusal(tmp_path / "missing" / "store.db")


def test_a_folder_is_not_a_store(tmp_path: Path) -> None:
    assert "not a regular file" in refusal(tmp_path)


def test_a_path_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")

    assert f"{tmp_path}/file" in refusal(tmp_path / "file" / "store.db")


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    assert "not a regular file" in refusal(tmp_path / "pipe")


def test_a_link_to_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "missing")

    assert f"{tmp_path}/link" in refusal(tmp_path / "link")


def test_an_empty_file_is_a_lost_store_and_not_a_new_one(tmp_path: Path) -> None:
    (tmp_path / "store.db").touch()

    assert "is empty; restore it" in refusal(tmp_path / "store.db")
    assert (tmp_path / "store.db").read_bytes() == b""


@pytest.mark.parametrize(
    "address",
    [
        "postgresql+psycopg:bob:S3cret@localhost/db",
        "postgresql:/bob:S3cret@h/db",
        "sqlite+pysqlcipher://:S3cret@/x.db",
        "sqlite+aiosqlite:///x.db",
        "sqlite://bob:S3cret@h/x.db",
    ],
)
def test_an_address_that_would_be_taken_for_something_else_is_refused_and_its_password_not_shown(address: str) -> None:
    with pytest.raises(StoreError) as caught:
        open_store(address)
    assert "S3cret" not in str(caught.value)
    assert not Path("x.db").exists()


@pytest.mark.parametrize("content", [b"x", b"SQLite format 3", b"SQLite format 3\0", b"\0" * 10000, b"PK\3\4" * 999])
def test_what_is_not_a_database_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "store.db").write_bytes(content)

    assert f"{tmp_path}/store.db" in refusal(tmp_path / "store.db")
    assert (tmp_path / "store.db").read_bytes() == content


def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection, connection:
        connection.execute("CREATE TABLE alembic_version (version_num)")
        connection.execute("CREATE TABLE trials (id)")
    content = (tmp_path / "other.db").read_bytes()

    assert "belongs to another program" in refusal(tmp_path / "other.db")
    assert (tmp_path / "other.db").read_bytes() == content


@pytest.mark.parametrize(
    "address",
    [
        "postgresql+nothing://jane:hidden@host/db",
        "postgresql+nothing://jane:hid@den@host/db",
        "postgresql+nothing://:hidden@host/db",
        "postgresql+nothing://jane:hid@den/x@host/db",
        "postgresql+nothing://jane:hid@den?x@host/db",
        "postgresql+nothing://ja/ne:hidden@host/db",
        "postgresql+nothing://host/db?user=jane&password=hidden",
        "postgresql://jane:hidden@host:port/db",
        "postgresql://jane:hidden/db",
        "postgre-sql://jane:hidden@host/db",
        "sqlite:///x.db?password=hidden",
    ],
)
def test_no_message_and_no_trace_shows_a_password(address: str) -> None:
    with pytest.raises(StoreError) as caught:
        open_store(address)
    assert "\n" not in str(caught.value)
    trace = "".join(line for line in traceback.format_exception(caught.value) if not line.startswith("  File"))
    assert not any(part in said for said in (str(caught.value), trace) for part in ("hidden", "hid@", "den@", "den/"))
    assert "jane" not in str(caught.value)


def test_the_log_of_a_lost_store_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / "store.db-wal").write_bytes(b"log")

    assert "belongs to a store that is gone" in refusal(tmp_path / "store.db")
    assert not (tmp_path / "store.db").exists()


@pytest.mark.parametrize(
    "address",
    ["sqlite://", "sqlite:///:memory:", "sqlite:///x.db?mode=ro", "nonsense://x/y", "://", "a\0b"],
)
def test_an_address_that_cannot_be_a_store_is_refused(address: str) -> None:
    refusal(address)


@pytest.mark.parametrize(
    ("address", "remedy"),
    [
        (
            "postgresql+psycopg2://host/db",
            r"psycopg2; write postgresql\+psycopg:// and run: pip install 'psycopg\[binary\]'",
        ),
        ("mysql+pymysql://host/db", "pymysql; install the package that brings it"),
    ],
)
def test_a_driver_that_is_missing_is_named_with_what_brings_it(address: str, remedy: str) -> None:
    with pytest.raises(StoreError, match=f"needs the driver {remedy}"):
        open_store(address)


def test_a_writer_that_waits_too_long_says_who_is_to_blame(tmp_path: Path) -> None:
    with (
        open_store(tmp_path / "store.db", busy_timeout_s=0.05) as store,
        closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="is locked by another process; let that process finish"):
            store.register_study(a_record())
        assert store.studies() == []
        other.execute("ROLLBACK")
        assert store.register_study(a_record()) == a_record()


def test_a_database_that_may_not_grow_says_so_and_goes_on_later(tmp_path: Path) -> None:
    with open_store(tmp_path / "store.db") as store:
        store.register_study(a_record())
        with store._database.read() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1")
        with pytest.raises(StoreError, match=r"store\.db cannot grow because the disk is full; free some room"):
            store.enqueue(STUDY, [a_spec(number) for number in range(200)])
        assert store.trials(STUDY) == []
        with store._database.read() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 100000")
        assert len(store.enqueue(STUDY, [a_spec(number) for number in range(200)])) == 200


def test_a_store_that_disappears_is_not_made_again(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store.db")
    store.close()
    (tmp_path / "store.db").unlink()

    with pytest.raises(StoreError, match="cannot be opened"):
        store.studies()
    assert not (tmp_path / "store.db").exists()


def test_threads_share_a_store(tmp_path: Path) -> None:
    with open_store(tmp_path / "store.db") as store:
        store.register_study(a_record())
        store.enqueue(STUDY, [a_spec(number) for number in range(40)])

        def work() -> None:
            while lease := store.claim(STUDY, "thread", now=1.0, lease_s=1.0):
                store.finish(lease, an_outcome(), now=1.0)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(store.trials(STUDY)) == 40


def test_a_damaged_row_is_named_with_a_remedy(tmp_path: Path) -> None:
    with open_store(tmp_path / "store.db") as store:
        store.register_study(a_record())
        trial = store.finish(claimed(store, 1), an_outcome(1), now=2.0)
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection, connection:
        connection.execute("UPDATE darse_trials SET body = replace(body, '1.1', '1.2')")

    with (
        open_store(tmp_path / "store.db") as store,
        pytest.raises(
            CorruptStoreError, match=rf"store\.db: trial {trial.id} does not fit .*; restore it from a backup"
        ),
    ):
        store.trials(STUDY)


@pytest.mark.parametrize("table", ["studies", "ledger", "trials", "asks", "findings", "events"])
def test_a_row_that_is_gone_is_noticed(tmp_path: Path, table: str) -> None:
    with open_store(tmp_path / "store.db") as store:
        fill(store)
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection, connection:
        connection.execute(f"DELETE FROM darse_{table} WHERE rowid = (SELECT max(rowid) FROM darse_{table})")

    with open_store(tmp_path / "store.db") as store, pytest.raises(CorruptStoreError, match="restore it from a backup"):
        contents(store)


def test_a_forked_child_uses_connections_of_its_own(tmp_path: Path) -> None:
    code = """
import os, sys
from darse.store.artifacts import ArtifactFolder
from darse.store.open import open_store
from tests.store.samples import STUDY, a_record, a_spec
store = open_store(sys.argv[1])
store.register_study(a_record())
child = os.fork()
store.enqueue(STUDY, [a_spec(number) for number in range(50 if child else 25, 75 if child else 50)])
inherited = store._database._inherited
if child == 0:
    os._exit(0 if len(inherited) == 1 else 1)
_, status = os.waitpid(child, 0)
count = 0
while store.claim(STUDY, "parent", now=1.0, lease_s=1.0):
    count += 1
sys.exit(0 if status == 0 and not inherited and count == 50 else 1)
"""
    command = [sys.executable, "-c", code, str(tmp_path / "store.db")]
    root = Path(__file__).parents[2]
    assert subprocess.run(command, cwd=root, check=False).returncode == 0
