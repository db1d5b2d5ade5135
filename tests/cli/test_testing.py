"""`darse eval`, `compare`, `baseline`, `gate` and `backtest` as a user meets them: tables, JSON, exit codes."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import parse

import pytest

from darse.cli.main import run
from darse.data.read import read_rows
from darse.data.write import write_rows
from darse.store.open import open_store
from tests.conftest import SmallStudy
from tests.labelled import labelled_rows
from tests.store.test_traffic import a_text


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, small_study: SmallStudy) -> Path:
    """A folder with a test file, the adapter of a study and a control of it, where every command runs."""
    root = tmp_path_factory.mktemp("testing")
    rows = [{**row, "product": "AB"[at % 2]} for at, row in enumerate(labelled_rows(120, seed=9))]
    rows[0]["text"] = f"=HYPERLINK good not {rows[0]['text']}"
    write_rows(root / "test.csv", list(rows[0]), rows)
    shutil.copytree(small_study.folder / "adapter", root / "v1")
    verdict = json.loads((small_study.folder / "verdict.json").read_bytes())
    control = verdict["controls"][-1]["name"].replace(" ", "-")
    assert run(["export", str(small_study.folder), "--plan", control, "-o", str(root / "v2")]) == 0
    return root


@pytest.fixture(autouse=True)
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(place)
    return place


COLUMNS = ["--label", "label", "--text", "text"]


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    capsys.readouterr()
    assert run(list(arguments)) == code, capsys.readouterr().err
    return capsys.readouterr().out


def test_eval_shows_adapters_beside_reference_points_and_does_nothing_twice(
    small_study: SmallStudy, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["eval", str(small_study.folder), "new=v2", "--data", "test.csv", *COLUMNS, "--slice", "product"]
    first = said(capsys, *command)
    for name in ("out", "new", "majority or mean", "lexicon (VADER)", "TF-IDF + linear", "product = A"):
        assert name in first
    assert run([*command, "--json"]) == 0
    (table,) = json.loads(capsys.readouterr().out)["tables"]
    with open_store("darse-traffic.db") as store:
        before = store.evaluations.cells()
    assert {one["cell"] for one in table["entries"]} == {cell.id for cell in before}
    said(capsys, *command)
    with open_store("darse-traffic.db") as store:
        assert store.evaluations.cells() == before


def test_a_matrix_file_says_the_same_as_the_command_line(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    (place / "matrix.yaml").write_text(
        "adapters: [v1, {folder: v2, name: new}]\nreferences: false\nmetrics: [accuracy]\n"
        "data: [{file: test.csv, label: label, text: text, name: test}]\n"
    )
    by_file = json.loads(said(capsys, "eval", "--matrix", "matrix.yaml", "--json"))
    command = ["eval", "v1", "new=v2", "--data", "test.csv", *COLUMNS, "--no-references", "--metric", "accuracy"]
    assert by_file == json.loads(said(capsys, *command, "--json"))
    assert list(by_file["tables"][0]["entries"][0]["metrics"]) == ["accuracy"]


def test_compare_shows_flips_and_writes_all_of_them(
    small_study: SmallStudy, capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    study = str(small_study.folder)
    shown = said(capsys, "compare", study, "v2", "--data", "test.csv", *COLUMNS, "-o", "flips.csv", "--slice", "label")
    assert "TF-IDF + linear" in shown
    assert "McNemar" in shown
    assert "p corrected" in shown
    assert "ranks" in shown
    record = json.loads(said(capsys, "compare", "v1", "v2", "--data", "test.csv", *COLUMNS, "--json"))
    (pair,) = record["pairs"]
    rows = list(read_rows(place / "flips.csv"))
    assert len(rows) == pair["flips_in_all"] == pair["gained"] + pair["lost"]
    assert not any(str(row.cells["text"]).startswith("=") for row in rows)


def test_scores_can_be_compared_too(capsys: pytest.CaptureFixture[str]) -> None:
    shown = said(capsys, "compare", "v1", "v2", "--data", "test.csv", "--score", "score", "--metric", "mae")
    assert "paired t" in shown
    assert "nearer" in shown


def test_a_gate_passes_fails_and_tells_a_ci_system(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    assert "v1" in said(capsys, "baseline", "set", "prod", "v1", "--note", "first")
    assert "first" in said(capsys, "baseline")
    said(capsys, "baseline", "set", "prod", "v1")
    history = json.loads(said(capsys, "baseline", "history", "prod", "--json"))
    assert [one["note"] for one in history] == ["first", None]

    gate = ["gate", "--baseline", "prod", "--data", "test.csv", *COLUMNS]
    assert "passed: v1 against prod" in said(capsys, *gate, "--candidate", "v1")
    (place / "gate.yaml").write_text(
        "undecided: pass\nfloors: [{metric: accuracy, at_least: 1.0}]\nbudgets: {ms: 100000, ms_ratio: 1000}\n"
    )
    strict = [*gate, "--candidate", "v1", "--policy", "gate.yaml", "--junit", "gate.xml"]
    record = json.loads(said(capsys, *strict, "--json", code=1))
    assert [one["outcome"] for one in record["checks"]] == ["passed", "failed", "passed", "passed"]
    suites = parse(place / "gate.xml").getroot()
    assert (suites.get("tests"), suites.get("failures")) == ("4", "1")
    with open_store("darse-traffic.db") as store:
        kept = store.evaluations.gates()
    assert [one.outcome for one in kept] == ["passed", "failed"]


def test_a_few_rows_are_not_enough_for_another_adapter(capsys: pytest.CaptureFixture[str]) -> None:
    shown = said(capsys, "gate", "--baseline", "v1", "--candidate", "v2", "--data", "test.csv", *COLUMNS, code=1)
    assert "FAILED" in shown


def test_a_backtest_asks_the_served_texts_again(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    texts = [str(row["text"]) for row in labelled_rows(20, seed=9)]
    with open_store("served.db") as store:
        kept = [
            replace(a_text(at), text=text, text_digest=f"{at:064x}", label="neutral") for at, text in enumerate(texts)
        ]
        store.traffic.add(kept)
    command = ["backtest", "v1", "--store", "served.db"]
    record = json.loads(said(capsys, *command, "--json"))
    assert record["texts"] == 20
    shown = said(capsys, *command, "--last", "10", "-o", "served-flips.csv")
    assert "on the last 10 texts served" in shown
    assert len(list(read_rows(place / "served-flips.csv"))) <= 10


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["eval"], "name at least one adapter and one file"),
        (["eval", "v1", "--matrix", "matrix.yaml"], "--matrix says itself which"),
        (["eval", "v1", "--data", "none.csv"], "none.csv: there is no such file"),
        (["eval", "nowhere", "--data", "test.csv"], "nowhere: there is no such folder"),
        (["eval", "v1", "--data", "test.csv", "--metric", "kappa"], "--metric 'kappa' is not known"),
        (["eval", "v1", "--data", "test.csv", *COLUMNS, "--slice", "x"], "cannot be sliced by 'x'"),
        (["eval", "v1", "--data", "test.csv", "--slice", "a\nb"], "--slice"),
        (["eval", "", "--data", "test.csv"], "is no folder, nor NAME=FOLDER"),
        (["eval", "\x1b[31m=v1", "--data", "test.csv"], "is no folder, nor NAME=FOLDER"),
        (["eval", "a=v1", "a=v2", "--data", "test.csv"], "two entries are called 'a'"),
        (["eval", "v1", "--data", "test.csv", "--label", "product"], "has the label 'A', which v1 does not know"),
        (["compare", "v1", "--data", "test.csv"], "name at least two adapters"),
        (["compare", "v1", "v2", "--data", "test.csv", "-o", "test.csv"], "would overwrite test.csv"),
        (["baseline", "set", "prod"], "darse baseline set NAME ADAPTER"),
        (["baseline", "history", "none"], "there is no such baseline"),
        (["baseline", "list", "--store", "none.db"], "there is no store"),
        (["gate", "--baseline", "none", "--candidate", "v1", "--data", "test.csv"], "there is no baseline 'none'"),
        (["gate", "--baseline", "v1", "--candidate", "v1", "--data", "test.csv", "--policy", "x"], "check --policy"),
        (["gate", "--baseline", "v1", "--candidate", "v1"], "Missing option '--data'"),
        (["backtest", "v1", "--store", "none.db"], "there is no store"),
        (["backtest", "v1", "--last", "0"], "--last is 0"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(arguments) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("darse: ")]
    assert len(lines) == 1
    assert told in lines[0]
