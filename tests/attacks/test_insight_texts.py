"""Hostile texts in texts, groups, languages, classes and names of columns: nothing of them comes alive on the page."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from darse.cli.main import run
from darse.insight.insights import Insights
from darse.insight.page import render_insights
from darse.insight.record import as_record
from darse.insight.words import badge_sentence
from tests.attacks.test_report_texts import ATTACKS
from tests.insight.samples import FALLEN, hostile_rows, of_rows, of_world
from tests.report.parsed import parse

_ALLOWED = re.compile(r"<br>|<extra></extra>")


@cache
def _hostile(turn: int) -> Insights:
    texts = ATTACKS[turn:] + ATTACKS[:turn]
    rows = hostile_rows([one.replace("\0", "").replace("\n", " ") for one in texts])
    text, _, by, _, lang = rows[0]
    with TemporaryDirectory() as folder:
        return of_rows(Path(folder), rows, text=text, by=by, lang=lang, label="label")


@pytest.mark.parametrize("turn", range(0, len(ATTACKS), 6))
def test_no_text_becomes_a_tag_an_attribute_or_a_script(turn: int) -> None:
    page, clean = parse(render_insights(_hostile(turn))), parse(render_insights(of_world(FALLEN)))
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in clean.tags}
    assert [attributes for attributes, _ in page.scripts] == [attributes for attributes, _ in clean.scripts]
    known = {name for _, attributes in clean.tags for name in attributes}
    for _, attributes in page.tags:
        assert set(attributes) <= known
        assert not any(name.startswith("on") for name in attributes)
        assert attributes.get("href", "#").startswith("#")


@pytest.mark.parametrize("turn", range(0, len(ATTACKS), 6))
def test_charts_and_data_hold_no_tag_and_texts_no_control_character(turn: int) -> None:
    html = render_insights(_hostile(turn))
    page = parse(html)
    for attributes, content in page.scripts:
        assert "type" not in attributes or not set("<>&'") & set(content)
    for text in _texts(page.data("charts")):
        assert "<" not in _ALLOWED.sub("", text)
    assert not set("\x00\x07\x1b\u202e\u2028\ufeff") & set(html + badge_sentence(_hostile(turn)))


def test_the_hostile_group_is_found_and_can_be_read() -> None:
    found = _hostile(0)
    assert found.issues[0].group == ATTACKS[0]
    text = parse(render_insights(found)).text
    assert "<script>alert(1)</script> got worse" in text


def test_the_record_of_hostile_texts_is_json() -> None:
    for turn in range(0, len(ATTACKS), 12):
        assert json.loads(json.dumps(as_record(_hostile(turn)), allow_nan=False).encode()) is not None


def test_half_a_surrogate_pair_in_a_group_is_no_defect(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "a", "label": "neg", "product": "x\\ud800"}\n' * 5, encoding="utf-8")
    assert run(["insights", str(path), "--by", "product"]) == 0
    assert (
        json.loads((tmp_path / "rows-insights.json").read_text(encoding="utf-8"))["movements"][1]["name"] == "x\ufffd"
    )


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts(item)]
    return [text for item in value for text in _texts(item)] if isinstance(value, list) else []
