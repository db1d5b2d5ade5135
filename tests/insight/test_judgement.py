"""Judgements of many groups: rarely wrong where nothing changes, the same for every scale, kind to no small move."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import stats

from darse.insight.judgement import SMALLEST_EFFECT, find_movements
from darse.insight.rows import Dropped, Rows
from darse.insight.sentiment import Sentiment
from darse.insight.windows import find_windows
from tests.insight.planted import FIRST
from tests.insight.samples import of_rows

_NOTHING = Dropped({}, "")


def some_rows(stream: np.random.Generator, *, groups: int, rows: int, fall: float = 0.0, days: int = 540) -> Rows:
    """Rows of groups, of which the first falls by so many standard deviations after three quarters of the time."""
    amount = groups * rows
    numbers, when = np.repeat(np.arange(groups), rows), stream.integers(0, days, amount)
    values = stream.normal(0, 1, amount) - fall * ((numbers == 0) & (when >= 0.75 * days))
    sentiment = Sentiment(values, np.sign(values).astype(np.int8), -5, 5, ())
    names = tuple(f"group {place}" for place in range(groups))
    lines, none = np.arange(amount), np.full(amount, -1)
    return Rows(lines, FIRST.toordinal() + when, numbers, none, names, (), sentiment, amount, _NOTHING, _NOTHING)


def test_files_in_which_nothing_changes_get_a_claim_one_time_in_twenty() -> None:
    stream, claimed = np.random.default_rng(0), 0
    for time in range(60):
        rows = some_rows(stream, groups=8, rows=40)
        movements = find_movements(rows, find_windows(rows.days, 8, "quarter"), few=30, seed=time)
        claimed += any(one.direction in {"worse", "better"} for one in movements)
    assert stats.binomtest(claimed, 60, 0.05, alternative="greater").pvalue > 0.005


def test_a_fall_of_one_group_is_found_and_no_other_group_is_blamed() -> None:
    rows = some_rows(np.random.default_rng(3), groups=8, rows=80, fall=1.5)
    movements = find_movements(rows, find_windows(rows.days, 8, "quarter"), few=30, seed=0)
    moved = {one.name: one.direction for one in movements if one.direction != "unmoved" and one.dimension == "group"}
    assert moved == {"group 0": "worse"}


def test_a_move_that_many_rows_make_sure_but_that_is_tiny_is_none() -> None:
    rows = some_rows(np.random.default_rng(2), groups=1, rows=400_000, fall=0.03)
    (whole, _) = find_movements(rows, find_windows(rows.days, 1, "quarter"), few=30, seed=0)
    assert whole.p is not None
    assert whole.p < 0.001
    assert whole.effect is not None
    assert abs(whole.effect) < SMALLEST_EFFECT
    assert whole.direction == "unmoved"


def test_groups_of_one_value_are_judged_without_a_warning(tmp_path: Path) -> None:
    rows = [
        {
            "text": f"t {place}",
            "label": "negative" if place % 2 and place > 500 else "positive",
            "product": "a" if place % 2 else "b",
            "date": f"2025-{1 + place // 60:02}-{1 + place % 28:02}",
        }
        for place in range(700)
    ]
    found = of_rows(tmp_path, rows)
    assert {one.name: one.direction for one in found.of("group")} == {"a": "worse", "b": "unmoved"}
