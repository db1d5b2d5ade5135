"""Finding a study again: by its id, by its beginning, by its name, and never the wrong one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from darse.archive import find_result, find_study, open_archive
from darse.errors import InputError
from darse.search.kept_result import put_result
from darse.store.open import open_store
from darse.store.protocol import Store, StudyRecord
from tests.report.samples import a_result

FINISHED, TWIN, STOPPED = "1a07296fcedfbd02", "1a07ffffffffffff", "2b00000000000000"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two finished studies of one name, and a stopped one."""
    with open_store(tmp_path / "study.db") as store:
        for created, (key, name) in enumerate([(FINISHED, "reviews"), (TWIN, "reviews"), (STOPPED, "headlines")]):
            store.register_study(StudyRecord(key, name, "context", {}, float(created)))
            if key == STOPPED:
                store.set_study_state(key, "stopped")
                continue
            put_result(store, replace(a_result(), study=key, name=name))
    return tmp_path


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    with open_archive(folder, None) as opened:
        yield opened


@pytest.mark.parametrize(
    ("name", "found"),
    [(FINISHED, FINISHED), ("1a072", FINISHED), ("1a07f", TWIN), ("2", STOPPED), ("headlines", STOPPED)],
)
def test_an_id_its_beginning_or_a_name_find_the_one_study(store: Store, name: str, found: str) -> None:
    assert find_study(store, name).id == found


@pytest.mark.parametrize("name", ["1a07", "reviews", ""])
def test_what_fits_several_studies_is_refused_and_names_them(store: Store, name: str) -> None:
    with pytest.raises(InputError, match=f"could be {FINISHED}, {TWIN}"):
        find_study(store, name)


def test_a_whole_id_is_never_taken_for_the_beginning_of_another(store: Store) -> None:
    store.register_study(StudyRecord(f"{FINISHED}0", "longer", "context", {}, 9.0))
    assert find_study(store, FINISHED).id == FINISHED


def test_no_such_study_says_who_lists_them(store: Store) -> None:
    with pytest.raises(InputError, match=r"no study 'zz' in the store; `darse studies` lists them"):
        find_study(store, "zz")


def test_without_a_name_it_is_the_last_finished_study(store: Store, folder: Path) -> None:
    assert find_result(store, folder, None).study == TWIN


def test_without_a_name_the_verdict_in_the_folder_comes_first(store: Store, folder: Path) -> None:
    (folder / "verdict.json").write_text(json.dumps({"study": FINISHED}), encoding="utf-8")
    assert find_result(store, folder, None).study == FINISHED
    assert find_result(store, folder, "1a07f").study == TWIN


def test_a_damaged_verdict_file_names_no_study(store: Store, folder: Path) -> None:
    (folder / "verdict.json").write_text("[1", encoding="utf-8")
    assert find_result(store, folder, None).study == TWIN


def test_in_a_shared_store_a_folder_without_a_verdict_has_the_study_of_its_name_and_never_anothers(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_result(store, replace(a_result(), study=store.register_study(_record("cc", "prices", 9.0)).id))
    (folder / "prices").mkdir()
    assert find_result(store, folder / "prices", None, address="team.db").study == "cc"
    monkeypatch.chdir(folder / "prices")
    assert find_result(store, Path(), None, address="team.db").study == "cc"
    with pytest.raises(InputError, match=f"study {STOPPED} is stopped and not finished"):
        find_result(store, Path("headlines"), None, address="team.db")
    for name, said in (
        ("reviews", f"reviews has no verdict.json, and {FINISHED}, {TWIN} are called so; .* with --study"),
        ("letters", r"letters has no verdict\.json, and no study in the store is called so; .* with --study"),
    ):
        with pytest.raises(InputError, match=said):
            find_result(store, Path(name), None, address="team.db")
    assert find_result(store, Path("letters"), FINISHED, address="team.db").study == FINISHED


def _record(key: str, name: str, created: float) -> StudyRecord:
    return StudyRecord(key, name, "context", {}, created)


def test_a_study_that_is_not_finished_says_its_state(store: Store, folder: Path) -> None:
    with pytest.raises(InputError, match="is stopped and not finished"):
        find_result(store, folder, "headlines")


def test_a_shrunk_adapter_is_told_from_a_study(tmp_path: Path) -> None:
    with open_store(tmp_path / "study.db") as store:
        store.register_study(StudyRecord(FINISHED, "shrunk", "context", {}, 0.0))
        store.set_study_state(FINISHED, "finished")
        (tmp_path / "shrink.json").write_text("{}", encoding="utf-8")
        for name in (None, "shrunk"):
            with pytest.raises(InputError, match=r"what came of it is in shrink\.json"):
                find_result(store, tmp_path, name)


@pytest.mark.parametrize("address", [None, "typo.db", "sqlite:///typo.db", "sqlite+pysqlite:///typo.db"])
def test_a_store_that_is_not_there_is_refused_and_not_made(
    address: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"has no study\.db|no store typo\.db"):
        open_archive(tmp_path, address)
    assert not list(tmp_path.iterdir())
