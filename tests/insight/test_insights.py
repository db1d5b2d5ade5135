"""The whole story: what was planted is found with its rows, and what stands on few rows is not judged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from darse.data.kinds import Record
from darse.errors import DataError
from darse.insight.columns import Named, find_readable
from darse.insight.insights import Asked, find_insights
from darse.insight.movement import EVERYTHING, Movement
from darse.insight.rows import NO_DAY
from darse.insight.sentiment import Wanted
from darse.settings import DataSettings
from tests.insight.planted import FIRST, PHRASE, PLANTED, World, write_world
from tests.insight.samples import FALLEN, of_demo, of_rows, of_world


def _named(movements: tuple[Movement, ...], name: str) -> Movement:
    (found,) = (one for one in movements if one.name == name)
    return found


def test_the_group_that_fell_comes_first_with_its_day_its_phrase_and_its_rows() -> None:
    found = of_world(FALLEN)
    first = next(one for one in found.issues if one.dimension == "group")
    assert first is found.issues[0] or found.issues[0].group == EVERYTHING
    assert (first.group, first.phrase, first.evidence) == (PLANTED, None, "change point")
    assert abs(first.since - (FIRST.toordinal() + FALLEN.from_day)) <= 20
    assert first.difference is not None
    assert first.difference.high is not None
    assert first.difference.high < 0
    assert PHRASE in {one.name for one in first.phrases}
    assert all(one.group == PLANTED and one.day is not None and one.day >= first.since for one in first.examples)
    assert all(PHRASE in one.text for one in first.examples)


def test_a_phrase_emerges_in_a_group_whose_level_has_not_moved() -> None:
    found = of_world(World(groups=4, rows=600, said=0.5, from_day=455), period="quarter")
    said = [one for one in found.issues if one.phrase is not None]
    assert {one.group for one in said} == {PLANTED}
    assert [one.phrase.name for one in said if one.phrase] == [PHRASE]
    assert all(PHRASE in one.text for one in said[0].examples)


def test_files_without_a_change_say_so() -> None:
    found = of_world(World(groups=8, rows=60))
    assert found.issues == ()
    assert {one.direction for one in found.movements} <= {"unmoved", "few"}


def test_the_demo_set_has_one_product_that_fell_and_one_that_rose() -> None:
    found = of_demo()
    assert [one.group for one in found.issues] == ["Kestrel Bank app"]
    assert {one.name for one in found.movements if one.direction == "better"} == {"Halden Hub 4"}


def test_groups_with_few_rows_are_shown_and_never_called_moved(tmp_path: Path) -> None:
    rows = [{"text": f"a {place}", "label": "positive", "by": "large", "date": _day(place)} for place in range(300)]
    rows += [
        {
            "text": f"b {place}",
            "label": "positive" if place < 20 else "negative",
            "by": "small",
            "date": _day(130 + 6 * place),
        }
        for place in range(29)
    ]
    found = of_rows(tmp_path, rows, by="by")
    small = _named(found.movements, "small")
    assert small.direction == "few"
    assert small.level.rows == 29
    assert small.p is None
    assert small.changes == ()
    assert _named(of_rows(tmp_path, rows, Asked(few=20), by="by").movements, "small").direction == "worse"


def test_rows_without_a_date_count_everywhere_but_over_time(tmp_path: Path) -> None:
    rows = [{"text": f"a {place}", "label": "positive", "date": _day(place)} for place in range(200)]
    rows += [{"text": f"b {place}", "label": "negative", "date": ""} for place in range(50)]
    rows += [{"text": "c", "label": "negative", "date": "31.12.2025"}]
    found = of_rows(tmp_path, rows)
    (whole,) = found.movements
    assert (whole.level.rows, whole.dated) == (251, 200)
    assert whole.level.negative.value == pytest.approx(51 / 251)
    assert sum(point.level.rows for point in whole.points) == 200
    assert found.rows.misdated.amount == 1
    assert "line 251" in found.rows.misdated.first
    assert int((found.rows.days == NO_DAY).sum()) == 51


def test_dates_that_could_be_read_in_two_ways_are_an_error(tmp_path: Path) -> None:
    rows = [{"text": "a", "label": "positive", "date": f"{place % 12 + 1:02}/05/2025"} for place in range(50)]
    with pytest.raises(DataError, match=r"day first and month first look alike; write them as 2025-04-30 \(line 1"):
        of_rows(tmp_path, rows)


def test_a_file_without_dates_has_levels_phrases_and_rows(tmp_path: Path) -> None:
    rows: list[Record] = [
        {"text": f"terrible {place}" if place % 2 else f"splendid {place}", "score": -0.5 if place % 2 else 0.5}
        for place in range(80)
    ]
    found = of_rows(tmp_path, rows)
    assert found.windows is None
    assert [one.name for one in found.negative] == ["terrible"]
    assert [one.name for one in found.positive] == ["splendid"]
    assert all(one.value < 0 for one in found.worst)


def test_languages_are_judged_beside_groups(tmp_path: Path) -> None:
    stream = np.random.default_rng(0)
    rows = []
    for place in range(600):
        lang = "de" if place % 2 else "en"
        is_bad = stream.random() < (0.8 if lang == "de" and place > 480 else 0.3)
        rows.append({"text": f"t {place}", "label": "neg" if is_bad else "pos", "date": _day(place // 2), "lang": lang})
    found = of_rows(tmp_path, rows)
    assert found.file.columns.lang == "lang"
    assert {one.name: one.direction for one in found.of("language")} == {"de": "worse", "en": "unmoved"}
    assert found.issues[0].dimension == "language"


def test_the_same_seed_finds_the_same(tmp_path: Path) -> None:
    path = tmp_path / "world.csv"
    write_world(path, World(groups=4, rows=80, rise=0.3), np.random.default_rng(1))
    file = find_readable(path, Named(DataSettings()))
    first, second = (find_insights(file, Asked(seed=3)) for _ in range(2))
    assert first.movements == second.movements
    assert first.issues == second.issues


def test_named_classes_reach_the_sentiment(tmp_path: Path) -> None:
    rows = [{"text": f"a {place}", "label": "10" if place % 2 else "20"} for place in range(40)]
    found = of_rows(tmp_path, rows, Asked(Wanted(negative=("10",), positive=("20",))), label="label")
    assert found.movements[0].level.negative.value == 0.5


def test_a_column_of_different_values_is_no_group(tmp_path: Path) -> None:
    rows = [{"text": "a", "label": "neg", "by": f"row {place}"} for place in range(10_001)]
    with pytest.raises(DataError, match="more than 10,000 different values; name another --by"):
        of_rows(tmp_path, rows, by="by")


def _day(place: int) -> str:
    return f"2025-{place // 28 % 12 + 1:02}-{place % 28 + 1:02}"
