"""`layers`, `history`, `changes` and `dump` as a user meets them: text, JSON, pages, files, one line for an error."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from darse.cli.main import run
from darse.data.read import read_rows
from darse.store.open import open_study_store
from darse.store.protocol import StudyRecord
from tests.conftest import SmallStudy
from tests.report.parsed import parse

FORMULA = "=HYPERLINK(1)"


@pytest.fixture(scope="module")
def two(small_study: SmallStudy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small study, and one under way with a name that a spreadsheet would run."""
    folder = tmp_path_factory.mktemp("two") / "out"
    shutil.copytree(small_study.folder, folder)
    with open_study_store(folder) as store:
        (record,) = store.studies()
        settings = {**record.settings, "data_sha256": "f" * 64}
        store.register_study(StudyRecord("f" * 16, FORMULA, "e" * 64, settings, record.created + 1))
    return folder


def ids(folder: Path) -> list[str]:
    with open_study_store(folder) as store:
        return [record.id for record in store.studies()]


def test_layers_are_a_table_with_how_sure_it_is(small_study: SmallStudy, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["layers", str(small_study.folder)]) == 0
    told = capsys.readouterr().out
    for place in range(4):
        assert f"layer {place}" in told
    assert "Kendall's tau is" in told
    assert "fitted on" in told


def test_layers_as_json_hold_every_figure(small_study: SmallStudy, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["layers", str(small_study.folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in found["layers"]] == [f"layer {place}" for place in range(4)]
    for one in found["layers"]:
        assert one["gain"]["low"] <= one["gain"]["value"] <= one["gain"]["high"]
        assert len(one["epochs"]) == (2 if one["rank"] else 0)
        assert all(point["update"] > 0 and point["gradient"] > 0 for point in one["epochs"])
    assert set(found["stability"]) == {"tau", "low", "high", "sites", "rows", "is_stable"}


def test_the_pages_are_files_that_load_nothing(two: Path, tmp_path: Path) -> None:
    layers, history = tmp_path / "layers.html", tmp_path / "history.html"
    assert run(["layers", str(two), "-o", str(layers)]) == 0
    assert run(["history", str(two), "-o", str(history)]) == 0
    wanted = {"left-out", "cuts", "importance", "updates", "gradients", "directions"}
    assert set(parse(layers.read_text(encoding="utf-8")).data("charts")) == wanted
    assert set(parse(history.read_text(encoding="utf-8")).data("charts")) == wanted - {
        "left-out",
        "cuts",
        "importance",
    } | {*("ranks", "gains", "progress")}


def test_a_study_under_way_is_shown_as_far_as_it_is_known(two: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["layers", str(two), "--study", "ffff"]) == 0
    assert "nothing is known of its layers yet" in capsys.readouterr().out


def test_history_has_a_line_a_study(two: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["history", str(two)]) == 0
    told = capsys.readouterr().out
    assert " yes" in told
    assert FORMULA in told
    assert run(["history", str(two.parent), "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert (first["state"], first["is_best_so_far"]) == ("finished", True)
    assert (second["state"], second["verdict"], second["steps"]) == ("running", None, [])
    assert first["steps"][-1]["best"] == first["best"]
    assert [layer["rank"] for layer in first["layers"]] == first["ranks"]
    assert second["layers"] == []


def test_changes_name_what_is_not_the_same(two: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = ids(two)
    assert run(["changes", first, second, "--store", str(two / "study.db")]) == 0
    told = capsys.readouterr().out
    assert "other rows or splits" in told
    assert "state: finished -> running" in told
    assert run(["changes", str(two), second, "--store", str(two / "study.db")]) == 2
    assert run(["changes", str(two), str(two), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["data"], found["settings"], found["found"]) == (False, [], [])


def test_studies_are_found_in_the_folders_that_are_here(
    two: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(two.parent)
    assert run(["changes", "out", "ffff"]) == 0
    assert "other rows or splits" in capsys.readouterr().out
    assert run(["changes", "out", "nobody"]) == 2
    assert "'nobody' is no folder of a study, and no study of the folders here" in capsys.readouterr().err


TABLES = {"studies", "settings", "trials", "epochs", "modules", "layers", "sensitivity", "controls", "events"}


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl"])
def test_a_dump_has_every_table_and_every_trial(two: Path, tmp_path: Path, kind: str) -> None:
    assert run(["dump", str(two), "-o", str(tmp_path / "tables"), "--format", kind]) == 0
    assert {path.name for path in (tmp_path / "tables").iterdir()} == {
        "dump.json",
        *(f"{name}.{kind}" for name in TABLES),
    }
    rows = {name: list(read_rows(tmp_path / "tables" / f"{name}.{kind}")) for name in TABLES}
    with open_study_store(two) as store:
        trials = [trial for record in store.studies() for trial in store.trials(record.id)]
    assert len(rows["trials"]) == len(trials)
    assert len(rows["epochs"]) == sum(len(trial.outcome.curve) for trial in trials)
    assert len(rows["layers"]) == 4
    assert rows["modules"]


def test_no_cell_of_a_dump_is_run_by_a_spreadsheet(two: Path, tmp_path: Path) -> None:
    assert run(["dump", str(two), "-o", str(tmp_path)]) == 0
    with (tmp_path / "studies.csv").open(newline="", encoding="utf-8") as file:
        assert [row["name"] for row in csv.DictReader(file)][1] == f"'{FORMULA}"


def test_one_study_alone_can_be_dumped(two: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["dump", str(two), "-o", str(tmp_path / "a"), "--study", "ffff", "--format", "jsonl"]) == 0
    assert (tmp_path / "a" / "studies.jsonl").read_text(encoding="utf-8").count("\n") == 1
    assert run(["dump", str(two), "-o", str(tmp_path / "b"), "--study", "nobody"]) == 2
    assert "there is no study 'nobody' there" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["layers", "history", "dump"])
def test_a_folder_without_a_store_is_one_line_and_exit_2(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([verb, str(tmp_path)]) == 2
    assert "has no study.db" in capsys.readouterr().err


def test_files_of_others_are_not_overwritten_and_an_earlier_dump_is(
    two: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "trials.csv"
    mine.write_text("mine")
    assert run(["dump", str(two), "-o", str(tmp_path)]) == 2
    assert "trials.csv is no earlier result of darse dump" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["trials.csv"]
    mine.unlink()
    assert [run(["dump", str(two), "-o", str(tmp_path)]) for _ in range(2)] == [0, 0]
