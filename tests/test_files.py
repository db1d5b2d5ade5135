"""Durable writes leave the old file or the new one; digests are those of the standard library."""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darse.errors import InputError, Interrupted, StoreError
from darse.files import (
    make_folder,
    replacing_file,
    replacing_folder,
    sha256_of_bytes,
    sha256_of_file,
    sha256_of_json,
    write_durably,
    write_json,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_a_write_makes_missing_folders_and_replaces_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    for content in (b"old", b"", b"new" * 1000):
        write_durably(path, content)
        assert path.read_bytes() == content
    assert [one.name for one in path.parent.iterdir()] == ["file"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_stop_amid_a_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_durably(path, b"old")

    def write_half() -> None:
        with replacing_file(path) as file:
            file.write(b"new")
            raise Interrupted(signal.SIGTERM)

    with pytest.raises(Interrupted):
        write_half()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_durably(path, b"old")

    def refuse(*given: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os if step == "fsync" else Path, step, refuse)
        with pytest.raises(StoreError, match=r"cannot write .*file: No space left on device; free some room"):
            write_durably(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    write_durably(tmp_path / "link", b"new", follows_link=True)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_a_link_in_a_folder_of_ours_is_replaced_and_what_it_leads_to_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    write_durably(tmp_path / "link", b"new")
    assert not (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"old"


def test_links_that_lead_to_one_another_are_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(StoreError, match="cannot write"):
        write_durably(tmp_path / "a", b"new", follows_link=True)


def test_what_killed_writers_left_is_removed_by_the_next_and_what_is_held_is_not(tmp_path: Path) -> None:
    names = [".out.csv.abcdefgh.part", ".out.csv.ijklmnop.part", ".out.csv.qrstuvwx.part", ".other.abcdefgh.part"]
    for name in names:
        (tmp_path / name).write_bytes(b"half")
    long_ago = time.time() - 3600
    for name in (names[0], names[1], names[3]):
        os.utime(tmp_path / name, (long_ago, long_ago))
    with (tmp_path / names[1]).open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        write_durably(tmp_path / "out.csv", b"new")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*names[1:], "out.csv"])
    write_durably(tmp_path / "out.csv", b"new")
    assert not (tmp_path / names[1]).exists()


def test_folders_that_killed_writers_left_are_removed_and_a_link_put_aside_too(tmp_path: Path) -> None:
    left = tmp_path / ".adapter.abcdefgh.part"
    left.mkdir()
    (left / "half").write_bytes(b"half")
    os.utime(left, (0, 0))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mark").write_bytes(b"kept")
    (tmp_path / "adapter").symlink_to("elsewhere")
    with replacing_folder(tmp_path / "adapter", marker="mark") as fresh:
        (fresh / "mark").write_bytes(b"new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter", "elsewhere"]
    assert (elsewhere / "mark").read_bytes() == b"kept"


def test_a_pipe_or_a_device_is_never_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "null").symlink_to("/dev/null")
    for name in ("pipe", "null"):
        with pytest.raises(StoreError, match="no regular file"):
            write_durably(tmp_path / name, b"new", follows_link=True)
    assert (tmp_path / "pipe").is_fifo()
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize(("umask", "mode"), [("077", 0o600), ("022", 0o644)])
def test_what_is_written_keeps_to_the_umask(tmp_path: Path, umask: str, mode: int) -> None:
    code = "import sys; from pathlib import Path; from darse.files import write_durably as w; w(Path(sys.argv[1]), b'')"
    shell = f'umask {umask}; exec "$0" -c "$1" "$2"'
    subprocess.run(["sh", "-c", shell, sys.executable, code, tmp_path / "f"], check=True)
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == mode


def test_a_path_below_a_file_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write"):
        write_durably(tmp_path / "file" / "below", b"")
    with pytest.raises(StoreError, match="cannot make the folder"):
        make_folder(tmp_path / "file" / "below")


def test_json_is_readable_and_refuses_what_no_reader_agrees_on(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    write_json(path, {"name": "Grüße", "value": 0.1})
    assert json.loads(path.read_text()) == {"name": "Grüße", "value": 0.1}
    for bad in (math.nan, math.inf):
        with pytest.raises(ValueError, match="JSON"):
            write_json(path, bad)
    assert json.loads(path.read_text())["value"] == 0.1


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    folder = tmp_path / "adapter"
    for number in range(2):
        with replacing_folder(folder, marker="manifest") as fresh:
            (fresh / "manifest").write_text(str(number))
            (fresh / f"only {number}").mkdir()
            (fresh / f"only {number}" / "inner").write_text("x")
        assert sorted(one.name for one in folder.iterdir()) == ["manifest", f"only {number}"]
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_that_could_not_be_filled_leaves_the_old_one(tmp_path: Path) -> None:
    folder = tmp_path / "adapter"
    with replacing_folder(folder, marker="manifest") as fresh:
        (fresh / "manifest").write_text("old")

    def fill_and_fail() -> None:
        with replacing_folder(folder, marker="manifest") as fresh:
            (fresh / "manifest").write_text("new")
            raise KeyError

    with pytest.raises(KeyError):
        fill_and_fail()
    assert (folder / "manifest").read_text() == "old"
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_whose_place_cannot_be_taken_is_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "adapter"
    with replacing_folder(folder, marker="manifest") as fresh:
        (fresh / "manifest").write_text("old")
    rename = Path.rename

    def stop(path: Path, target: Path) -> Path:
        if path.suffix == ".part":
            raise KeyboardInterrupt
        return rename(path, target)

    def replace_and_stop() -> None:
        with replacing_folder(folder, marker="manifest") as fresh:
            (fresh / "manifest").write_text("new")

    monkeypatch.setattr(Path, "rename", stop)
    with pytest.raises(KeyboardInterrupt):
        replace_and_stop()
    assert (folder / "manifest").read_text() == "old"
    assert list(tmp_path.iterdir()) == [folder]


def test_folders_beside_that_are_not_ours_are_left_alone(tmp_path: Path) -> None:
    names = [".adapter.20250101.old", ".adapter.backup01", ".other.abcdefgh.replaced", "adapter.abcdefgh.replaced"]
    for name in names:
        (tmp_path / name).mkdir()
    with replacing_folder(tmp_path / "adapter", marker="manifest") as fresh:
        (fresh / "manifest").write_text("new")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*names, "adapter"])


def test_a_folder_of_somebody_else_is_refused_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "cat").write_text("x")
    with pytest.raises(InputError, match="exists and is no earlier export"), replacing_folder(folder, marker="m"):
        pass
    assert (folder / "cat").read_text() == "x"


@given(st.binary(max_size=3000))
def test_digests_are_those_of_the_standard_library(content: bytes) -> None:
    assert sha256_of_bytes(content) == hashlib.sha256(content).hexdigest()


def test_digest_of_a_file_larger_than_a_piece(tmp_path: Path) -> None:
    content = os.urandom(2**20 + 7)
    (tmp_path / "file").write_bytes(content)
    assert sha256_of_file(tmp_path / "file") == sha256_of_bytes(content)


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_digest_of_json_ignores_order_and_survives_writing_and_reading(value: dict[str, object]) -> None:
    digest = sha256_of_json(value)
    assert sha256_of_json(dict(reversed(value.items()))) == digest
    assert sha256_of_json(json.loads(json.dumps(value))) == digest


def test_digest_of_json_refuses_what_is_no_number() -> None:
    with pytest.raises(ValueError, match="JSON"):
        sha256_of_json({"score": math.nan})
