"""The demo set that comes with the package is what its page says (docs/demo-data.md)."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import pytest

import darse.data

FILE = Path(darse.data.__file__).parent / "demo.csv"


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with FILE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_there_are_six_hundred_distinct_sentences_or_more(rows: list[dict[str, str]]) -> None:
    texts = {" ".join(row["text"].casefold().split()) for row in rows}
    assert len(texts) == len(rows) >= 600


def test_every_row_has_a_score_a_label_a_line_a_date_and_a_channel(rows: list[dict[str, str]]) -> None:
    for row in rows:
        assert -1 <= float(row["score"]) <= 1
        assert row["label"] in {"negative", "neutral", "positive"}
        assert row["product_line"].strip()
        assert dt.date.fromisoformat(row["date"])
        assert row["channel"] in {"headline", "feedback"}


def test_both_channels_and_all_classes_are_well_represented(rows: list[dict[str, str]]) -> None:
    for column in ("channel", "label"):
        for value in {row[column] for row in rows}:
            assert sum(row[column] == value for row in rows) >= len(rows) / 6


def test_the_sign_of_the_score_fits_the_label(rows: list[dict[str, str]]) -> None:
    for row in rows:
        score = float(row["score"])
        assert {"negative": score < 0, "neutral": abs(score) < 0.4, "positive": score > 0}[row["label"]], row


def test_sentences_were_not_made_from_a_template(rows: list[dict[str, str]]) -> None:
    """No opening of five words is shared by more than a few sentences."""
    openings = [" ".join(row["text"].split()[:5]) for row in rows]
    assert max(openings.count(one) for one in set(openings)) <= 3
