from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select, update

from darse.errors import CorruptStoreError, StoreError
from darse.files import sha256_of_bytes
from darse.store.artifacts import ArtifactFolder, ArtifactTable
from darse.store.open import open_store
from darse.store.schema import ARTIFACTS


@pytest.fixture
def table(tmp_path: Path) -> Iterator[ArtifactTable]:
    """A table as servers have it, here in a SQLite file, with a limit of ten bytes."""
    with open_store(tmp_path / "store.db") as store:
        yield ArtifactTable(store._database, max_bytes=10)


def rows(table: ArtifactTable) -> list[tuple[str, bytes]]:
    """What the table holds."""
    with table.database.read() as connection:
        return [(row.digest, row.content) for row in connection.execute(select(ARTIFACTS))]


@given(st.binary(max_size=2000))
def test_bytes_come_back_under_their_digest(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = ArtifactFolder(tmp_path_factory.mktemp("artifacts"))

    digest = folder.put(content)

    assert digest == sha256_of_bytes(content)
    assert folder.get(digest) == content


@pytest.mark.parametrize("damage", [b"", b"weighty", b"weights and more"])
def test_a_damaged_artifact_is_named_and_mended_by_the_next_write(tmp_path: Path, damage: bytes) -> None:
    folder = ArtifactFolder(tmp_path / "artifacts")
    digest = folder.put(b"weights")
    path = tmp_path / "artifacts" / digest[:2] / digest
    path.write_bytes(damage)

    with pytest.raises(CorruptStoreError, match=digest):
        folder.get(digest)
    assert folder.put(b"weights") == digest
    assert folder.get(digest) == b"weights"


def test_a_folder_in_the_place_of_an_artifact_is_an_error_of_one_line(tmp_path: Path) -> None:
    folder = ArtifactFolder(tmp_path)
    digest = sha256_of_bytes(b"weights")
    (tmp_path / digest[:2] / digest).mkdir(parents=True)

    with pytest.raises(Exception, match="cannot be used") as caught:
        folder.get(digest)
    assert "\n" not in str(caught.value)


def test_nothing_but_the_artifact_is_left_in_the_folder(tmp_path: Path) -> None:
    digest = ArtifactFolder(tmp_path).put(b"weights")

    assert [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()] == [Path(digest[:2]) / digest]


@pytest.mark.parametrize("content", [b"", b"\0", b"weights", bytes(range(246, 256))])
def test_a_table_gives_bytes_back_and_keeps_them_once(table: ArtifactTable, content: bytes) -> None:
    digest = table.put(content)

    assert digest == table.put(content) == sha256_of_bytes(content)
    assert table.get(digest) == content
    assert rows(table) == [(digest, content)]


def test_bytes_above_the_limit_are_refused_with_it_and_nothing_is_written(table: ArtifactTable) -> None:
    with pytest.raises(StoreError, match="of 11 bytes exceeds 10, the most that a database keeps; use a SQLite file"):
        table.put(b"11 bytes...")
    assert rows(table) == []


@pytest.mark.parametrize("damage", [b"", b"weighty", b"weights and more"])
def test_a_damaged_row_is_named_and_mended_by_the_next_write(table: ArtifactTable, damage: bytes) -> None:
    digest = table.put(b"weights")
    with table.database.write() as connection:
        connection.execute(update(ARTIFACTS).values(content=damage))

    with pytest.raises(CorruptStoreError, match=rf"store\.db: the artifact {digest} is damaged; restore it"):
        table.get(digest)
    table.put(b"weights")
    assert rows(table) == [(digest, b"weights")]


def test_a_row_that_passes_for_another_artifact_is_damage(table: ArtifactTable) -> None:
    wanted = sha256_of_bytes(b"wanted")
    with table.database.write() as connection:
        connection.execute(insert(ARTIFACTS).values(digest=wanted, content=b"another"))

    with pytest.raises(CorruptStoreError, match="is damaged"):
        table.get(wanted)
