"""Adapters from folders: names that are listed, labels that outlive a restart, damage that changes nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from darse.errors import AdapterError, InputError
from darse.model.manifest import seal
from darse.score.scorer import AdapterScorer
from darse.serve.models import Models
from darse.serve.registry import LABELS_FILE, AdapterFolder, LabelsRecord, OneAdapter, open_registry
from tests.conftest import SmallStudy


@pytest.fixture
def folder(small_study: SmallStudy, tmp_path: Path) -> Path:
    """Two adapters, something else, and something that is being written."""
    for name in ("first", "second", ".first.abcdefgh.part"):
        shutil.copytree(small_study.folder / "adapter", tmp_path / "models" / name)
    (tmp_path / "models" / "notes").mkdir()
    (tmp_path / "models" / "readme.txt").write_text("nothing")
    return tmp_path / "models"


def registry(folder: Path) -> AdapterFolder:
    opened = open_registry(folder, AdapterScorer.open)
    assert isinstance(opened, AdapterFolder)
    return opened


def test_only_adapters_are_listed_and_nothing_else_can_be_loaded(folder: Path) -> None:
    opened = registry(folder)
    assert opened.names() == ["first", "second"]
    for name in (
        "notes",
        "readme.txt",
        ".first.abcdefgh.part",
        "..",
        "",
        "first/",
        "first/../second",
        str(folder / "first"),
    ):
        with pytest.raises(InputError, match="there is no adapter"):
            opened.load(name)


def test_labels_outlive_a_restart(folder: Path) -> None:
    models = Models(registry(folder), LabelsRecord(prod="first"))
    models.label("canary", "second", percent=12.5)
    again = Models(registry(folder), registry(folder).labels())
    assert (again.routing.prod.name, again.routing.percent) == ("first", 12.5)
    again.promote()
    record = registry(folder).labels()
    assert record == LabelsRecord(prod="second", previous="first")


def test_what_answers_has_to_be_obvious_or_said(folder: Path) -> None:
    with pytest.raises(InputError, match="has first, second; say with --prod which one answers"):
        registry(folder).labels()
    shutil.rmtree(folder / "second")
    assert registry(folder).labels() == LabelsRecord(prod="first")


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"prod": 1}', '{"prod": "first", "percent": 101}', '{"prod": null}']
)
def test_damaged_labels_are_one_error_that_names_the_file(folder: Path, content: str) -> None:
    (folder / LABELS_FILE).write_text(content)
    with pytest.raises(InputError, match=r"labels\.json is damaged; remove it"):
        registry(folder).labels()


def test_a_damaged_adapter_changes_no_label(folder: Path) -> None:
    models = Models(registry(folder), LabelsRecord(prod="first"))
    weights = folder / "second" / "adapter_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    before, kept = models.routing, (folder / LABELS_FILE).read_text()
    with pytest.raises(AdapterError, match="was changed after the export"):
        models.label("canary", "second", percent=10)
    assert models.routing is before
    assert (folder / LABELS_FILE).read_text() == kept


def test_a_canary_has_to_answer_the_same_question(folder: Path) -> None:
    models = Models(registry(folder), LabelsRecord(prod="first"))
    manifest = json.loads((folder / "second" / "darse.json").read_text())
    manifest["task"]["classes"] = ["bad", "good", "neutral"][: len(manifest["task"]["classes"])][::-1]
    (folder / "second" / "darse.json").write_text(json.dumps(manifest | {"seal": seal(manifest)}))
    with pytest.raises(InputError, match="predicts something else than first"):
        models.label("canary", "second", percent=10)


def test_what_is_exported_over_an_adapter_answers_after_a_reload_and_can_be_taken_back(folder: Path) -> None:
    models = Models(registry(folder), LabelsRecord(prod="first"))
    before = models.routing.prod
    assert models.reload().previous is None, "nothing has changed"
    manifest = json.loads((folder / "first" / "darse.json").read_text())
    manifest["max_length"] = 16
    (folder / "first" / "darse.json").write_text(json.dumps(manifest | {"seal": seal(manifest)}))
    after = models.reload()
    assert after.prod.digest != before.digest
    assert after.previous is before
    assert models.roll_back().prod is before


def test_an_adapter_that_nothing_needs_may_be_gone(folder: Path) -> None:
    models = Models(registry(folder), LabelsRecord(prod="first", previous="gone"))
    assert models.routing.previous is None
    with pytest.raises(InputError, match="there is no adapter 'gone'"):
        Models(registry(folder), LabelsRecord(prod="gone"))


def test_one_adapter_is_served_from_its_own_folder_which_is_left_as_it_is(small_study: SmallStudy) -> None:
    adapter = small_study.folder / "adapter"
    files = sorted(adapter.iterdir())
    opened = open_registry(adapter, AdapterScorer.open)
    assert isinstance(opened, OneAdapter)
    models = Models(opened, opened.labels())
    assert models.routing.prod.name == "adapter"
    with pytest.raises(InputError, match="one folder is served"):
        models.label("prod", "../other")
    assert sorted(adapter.iterdir()) == files


def test_what_holds_no_adapter_is_refused(small_study: SmallStudy, tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match=r"is the folder of a study; give .*adapter"):
        open_registry(small_study.folder, AdapterScorer.open)
    for place in (tmp_path, tmp_path / "nothing", small_study.source):
        with pytest.raises(AdapterError, match="neither an adapter that darse wrote nor a folder of such"):
            open_registry(place, AdapterScorer.open)
