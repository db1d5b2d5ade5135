"""`darse audit` as a user meets it: a table, JSON, a page that loads nothing, one line for an error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from darse.cli.main import run
from tests import plain_peft
from tests.report.parsed import parse


@pytest.fixture(scope="module")
def adapter(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    lora = plain_peft.config("bert", rank_pattern={"query": 3})
    model = plain_peft.randomised(plain_peft.get_model(tiny_bert, lora, 3))
    return plain_peft.save(model, tmp_path_factory.mktemp("audit") / "<b>adapter</b>")


def test_the_table_names_every_module_and_what_a_cut_would_save(
    adapter: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["audit", str(adapter)]) == 0
    told = capsys.readouterr().out
    assert told.count("query") == told.count("value") == 4
    assert "saved" in told
    assert "classifier" in told


def test_json_holds_what_the_files_hold(adapter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", str(adapter), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {one["rank"] for one in found["modules"]} == {3, 8}
    assert found["parameters"] == sum(one["parameters"] for one in found["modules"]) == 4 * 32 * (3 + 8)
    assert found["cut"]["0.9"] <= found["cut"]["0.99"] <= found["parameters"]


def test_the_page_is_one_file_that_loads_nothing(adapter: Path, tmp_path: Path) -> None:
    page = tmp_path / "audit.html"
    assert run(["audit", str(adapter), "--out", str(page)]) == 0
    content = page.read_text(encoding="utf-8")
    assert len(content) < 6_000_000
    assert "<b>adapter" not in content
    assert set(parse(content).data("charts")) == {"ranks", "spectra"}


def test_a_pickle_is_one_line_and_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "adapter_model.bin").write_bytes(b"\x80\x04.")
    assert run(["audit", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert "is a pickle, which can run code" in told
    assert told.count("\n") == 1
