from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darse.errors import CorruptStoreError
from darse.files import sha256_of_bytes
from darse.store.artifacts import ArtifactFolder


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
