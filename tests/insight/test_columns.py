"""Columns: those of `darse score` are found by any name it gives them, obvious ones guessed, others asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from darse.data.write import write_rows
from darse.errors import DataError
from darse.insight.columns import InsightColumns, Named, find_readable
from darse.settings import DataSettings


def _columns(folder: Path, row: Mapping[str, str], named: Named | None = None, rows: int = 60) -> InsightColumns:
    path = folder / "rows.csv"
    write_rows(
        path,
        list(row),
        ({name: value.format(n=place, k=place % 3) for name, value in row.items()} for place in range(rows)),
    )
    return find_readable(path, named or Named(DataSettings())).columns


def test_obvious_columns_are_guessed_and_told(tmp_path: Path) -> None:
    row = {
        "review": "t {n}",
        "sentiment": "negative",
        "product": "p {k}",
        "created_at": "2025-01-02T10:00:00Z",
        "lang": "en",
    }
    found = _columns(tmp_path, row)
    assert (found.text, found.label, found.by, found.time, found.lang) == (
        "review", "sentiment", "product", "created_at", "lang",
    )  # fmt: skip
    assert found.words.count("(guessed)") == 5


def test_what_darse_score_adds_is_taken_before_what_was_there(tmp_path: Path) -> None:
    row = {"text": "t {n}", "label": "billing", "predicted_label": "negative", "probability negative": "0.9"}
    found = _columns(tmp_path, row)
    assert found.label == "predicted_label"
    assert found.probabilities == {"negative": "probability negative"}
    assert found.by is None


def test_both_predictions_are_taken_though_one_had_a_free_name(tmp_path: Path) -> None:
    row = {"text": "t {n}", "score": "{n}", "predicted_score": "0.5", "label": "negative", "probability negative": "1"}
    found = _columns(tmp_path, row)
    assert (found.score, found.label) == ("predicted_score", "label")


def test_stars_are_a_score(tmp_path: Path) -> None:
    assert _columns(tmp_path, {"text": "t {n}", "stars": "{k}"}, Named(DataSettings(score="stars"))).score == "stars"
    assert _columns(tmp_path, {"text": "t {n}", "rating": "4"}).score == "rating"


def test_two_possible_groups_are_named_and_none_is_taken(tmp_path: Path) -> None:
    found = _columns(tmp_path, {"text": "t {n}", "label": "neg", "product": "p {k}", "region": "r {k}"})
    assert found.by is None
    assert found.others == ("product", "region")


@pytest.mark.parametrize("part", ["by", "time", "lang"])
def test_a_column_that_is_not_there_is_told_with_what_is_meant(part: str, tmp_path: Path) -> None:
    named = Named(DataSettings(), **{part: "produkt"})
    with pytest.raises(DataError, match=rf"no column 'produkt' \(--{part}\); did you mean 'product'"):
        _columns(tmp_path, {"text": "t {n}", "label": "neg", "product": "p {k}"}, named)


def test_a_date_that_could_be_read_in_two_ways_is_still_the_date(tmp_path: Path) -> None:
    assert _columns(tmp_path, {"text": "t {n}", "label": "neg", "date": "03/04/2025"}).time == "date"
