"""The page: what got worse lately stands first, everything is told in the words of the data, nothing is missing."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from darse.insight.insights import Insights
from darse.insight.page import render_insights
from darse.insight.record import as_record
from darse.insight.words import badge_sentence, badge_words
from tests.insight.planted import PHRASE, PLANTED, World
from tests.insight.samples import FALLEN, of_demo, of_rows, of_world
from tests.report.parsed import parse


def test_what_got_worse_lately_is_read_first() -> None:
    text = parse(render_insights(of_world(FALLEN))).text
    assert text.index("emerged lately") < text.index(f"{PLANTED} got worse around") < text.index("Key figures")
    assert text.index("What got worse lately") < text.index("Over time")
    assert PHRASE in text


def test_the_demo_page_has_every_chart_with_its_table() -> None:
    page = parse(render_insights(of_demo()))
    assert list(page.data("charts")) == ["moved", "level", "volume", "groups"]
    assert "Kestrel Bank app got worse around" in page.text
    assert "Better: Halden Hub 4." in page.text


def test_a_file_without_a_change_says_what_was_looked_at() -> None:
    found = of_world(World(groups=8, rows=60))
    assert badge_words(found) == ("Nothing is shown to have got worse lately", "no_difference")
    assert badge_sentence(found).startswith("2026 Q2 was held against 2025 Q1 to 2026 Q1 in 8 groups")
    assert "no proof that nothing is there" in parse(render_insights(found)).text


def test_a_file_without_dates_says_so_and_has_no_chart(tmp_path: Path) -> None:
    rows = [{"text": f"t {place}", "rating": str(1 + place % 5)} for place in range(50)]
    found = of_rows(tmp_path, rows)
    page = parse(render_insights(found))
    assert page.data("charts") == {}
    assert "Name the column of dates with --time" in page.text
    assert "score from 1 to 5 (guessed)" in page.text
    assert "3.00" in page.text


def test_few_rows_and_dropped_rows_are_told(tmp_path: Path) -> None:
    rows = [
        {
            "text": f"t {place}" if place else "",
            "label": "neg",
            "by": f"g {place % 9}",
            "date": f"2025-0{place % 9 + 1}-01",
        }
        for place in range(90)
    ]
    rows.append({"text": "x", "label": "neg", "by": "g 1", "date": "1.2.2025"})
    text = parse(render_insights(of_rows(tmp_path, rows, by="by"))).text
    assert "too few rows" in text
    assert "1 date cannot be read (line 91: the date could be day first or month first" in text
    assert "Of 91 rows 1 cannot be used (line 1: the text is empty)" in text


@pytest.mark.parametrize("found", [of_demo, lambda: of_world(FALLEN)], ids=["demo", "fallen"])
def test_the_record_is_plain_json_without_nan(found: object) -> None:
    assert callable(found)
    record = as_record(found())
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record["format"] == "darse-insights 1"


def test_every_field_of_the_record_is_described() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "insights.md").read_text(encoding="utf-8")
    _, _, described = page.partition("\n## The JSON file\n")
    for name in set(_keys(as_record(of_world(FALLEN)))):
        assert f"`{name}`" in described, name


def test_no_figure_of_the_record_is_out_of_its_bounds() -> None:
    found: Insights = of_demo()
    for one in found.movements:
        assert 0 <= one.level.negative.value <= 1
        assert one.corrected is None or 0 <= one.corrected <= 1
        assert one.difference is None or math.isfinite(one.difference.value)


def _keys(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            if key != "reasons":
                yield from _keys(item)
    elif isinstance(value, list):
        for item in value:
            yield from _keys(item)
