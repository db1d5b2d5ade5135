"""`darse insights` as a user meets it: page and JSON beside the file, one line for an error, nothing of others lost."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from darse.cli.main import run
from darse.data.read import read_rows
from darse.data.write import write_rows
from tests.conftest import SmallStudy
from tests.insight.planted import PLANTED, World, write_world
from tests.labelled import labelled_rows
from tests.report.parsed import parse

WORLD = World(groups=4, rows=100, rise=0.6, from_day=440)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "reviews.csv"
    write_world(path, WORLD, np.random.default_rng(0))
    return path


def test_page_and_json_lie_beside_the_file_and_the_issue_is_told(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["insights", str(file), "--by", "product", "--time", "date"]) == 0
    told = capsys.readouterr()
    assert f"{PLANTED} got worse around" in told.out
    assert "columns: text = 'text' (guessed), label = 'label' (guessed), by = 'product', time = 'date'" in told.err
    assert "sentiment: classes: 'negative' = -1, 'neutral' = 0, 'positive' = 1" in told.err
    page = parse((file.parent / "reviews-insights.html").read_text(encoding="utf-8"))
    assert f"{PLANTED} got worse around" in page.text
    record = json.loads((file.parent / "reviews-insights.json").read_text(encoding="utf-8"))
    assert record["issues"][0]["name"] == PLANTED
    assert record["issues"][0]["rows"][0]["line"] > 1


@pytest.mark.parametrize("suffix", [".tsv", ".jsonl", ".parquet"])
def test_every_format_says_the_same(suffix: str, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = file.with_suffix(suffix)
    rows = list(read_rows(file))
    write_rows(other, list(rows[0].cells), [{name: str(cell) for name, cell in row.cells.items()} for row in rows])
    said = []
    for path in (file, other):
        assert run(["insights", str(path), "--json"]) == 0
        record = json.loads(capsys.readouterr().out)
        said.append([(one["name"], one["direction"], one["p"], one["change_p"]) for one in record["movements"]])
    assert said[0] == said[1]


def test_json_is_all_that_is_printed(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = file.parent / "page.html"
    assert run(["insights", str(file), "--json", "--period", "month", "--min-rows", "50", "-o", str(out)]) == 0
    told = capsys.readouterr()
    record = json.loads(told.out)
    assert told.err == ""
    assert record["windows"]["period"] == "month"
    assert record["few_rows"] == 50
    assert json.loads(out.with_suffix(".json").read_text(encoding="utf-8")) == record


def test_what_darse_score_writes_is_read_by_its_predictions(
    small_study: SmallStudy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, scored = tmp_path / "new.csv", tmp_path / "scored.parquet"
    rows = [
        {**row, "label": "billing", "date": f"2025-{1 + place % 12:02}-15", "product": "ab"[place % 2]}
        for place, row in enumerate(labelled_rows(60))
    ]
    write_rows(source, list(rows[0]), rows)
    assert run(["score", str(small_study.folder / "adapter"), str(source), "-o", str(scored), "--quiet"]) == 0
    capsys.readouterr()
    assert run(["insights", str(scored), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["columns"] == {
        "text": "text",
        "label": "predicted_label",
        "score": "predicted_score",
        "by": "product",
        "time": "date",
        "lang": None,
    }
    assert record["rows"]["used"] == 60


def test_the_demo_set_needs_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["insights", "demo", "--by", "product_line"]) == 0
    assert "Kestrel Bank app got worse around" in capsys.readouterr().out
    record = json.loads((tmp_path / "demo-insights.json").read_text(encoding="utf-8"))
    assert record["file"] == "demo"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing.csv"], "nothing.csv: there is no such file"),
        (["{file}", "-o", "page.pdf"], "does not end in .html"),
        (["{file}", "--by", "produkt"], "did you mean 'product'"),
        (["{file}", "--scale", "5"], "--scale must be LOW:HIGH"),
        (["{file}", "--scale", "5:1"], "--scale must be LOW:HIGH"),
        (["{file}", "--negative", "awful"], "there is no class 'awful' (--negative)"),
        (["{file}", "--period", "year"], "'year' is not one of"),
        (["{file}", "--min-rows", "3"], "--min-rows"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(
    arguments: list[str], said: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(file.parent.iterdir())
    assert run(["insights", *(one.format(file=file) for one in arguments)]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("darse: ")]
    assert len(lines) == 1
    assert said in lines[0]
    assert sorted(file.parent.iterdir()) == before


def test_files_of_others_are_never_replaced(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = file.with_suffix(".json")
    own.write_text('{"mine": 1}', encoding="utf-8")
    assert run(["insights", str(file), "-o", str(file.with_suffix(".html"))]) == 2
    assert "is no earlier result of darse insights" in capsys.readouterr().err
    assert own.read_text(encoding="utf-8") == '{"mine": 1}'
    assert run(["insights", str(file)]) == 0
    assert run(["insights", str(file)]) == 0


def test_a_missing_extra_is_told_before_anything_is_read(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("darse.insight.changes.find_spec", lambda name: None)
    assert run(["insights", str(file)]) == 2
    told = capsys.readouterr().err
    assert "ruptures is not installed" in told
    assert "'.[insights]'" in told
