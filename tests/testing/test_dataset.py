"""Rows to judge on: which are taken, which are left out and told, and what names them."""

from __future__ import annotations

import pytest

from darse.errors import DataError
from tests.testing.worlds import a_dataset

ROWS: list[dict[str, object]] = [
    {"text": "good one", "label": "good", "split": "test", "product": "A", "stars": 5.0},
    {"text": "Good  one", "label": "good", "split": "test", "product": "B", "stars": 4.5},
    {"text": "bad one", "label": "bad", "split": "test", "product": "A", "stars": None},
    {"text": "so so", "label": "bad", "split": "train", "product": "A", "stars": 2},
    {"text": "odd", "label": "bad", "split": "test", "product": "A", "stars": 2},
    {"text": "odd", "label": "good", "split": "test", "product": "A", "stars": 2},
    {"text": "", "label": "good", "split": "test", "product": "A", "stars": 2},
]


def test_rows_that_are_left_out_are_told_with_the_reason() -> None:
    data = a_dataset(ROWS, label="label")
    assert data.texts == ["good one", "bad one"]
    assert data.notes == (
        "1 row of other splits than test left out",
        "1 row left out: the text is empty",
        "1 row left out: the text stood before",
        "2 rows left out: the same text has different labels",
    )


def test_cells_of_the_other_columns_stay_with_their_rows() -> None:
    data = a_dataset(ROWS, label="label")
    assert data.cells["product"] == ("A", "A")
    assert data.cells["stars"] == ("5", "")
    assert "text" not in data.cells


@pytest.mark.parametrize(("part", "texts"), [("train", ["so so"]), ("all", ["good one", "bad one", "so so"])])
def test_the_part_that_is_asked_for_is_taken(part: str, texts: list[str]) -> None:
    assert a_dataset(ROWS, part=part, label="label").texts == texts  # type: ignore[arg-type]  # of the parameters


def test_training_rows_are_those_of_the_training_split_or_all() -> None:
    assert a_dataset(ROWS, part="learned", label="label").texts == ["so so"]
    plain = [{name: value for name, value in row.items() if name != "split"} for row in ROWS]
    assert a_dataset(plain, part="learned", label="label").texts == ["good one", "bad one", "so so"]
    with pytest.raises(DataError, match="no row is of the split train"):
        a_dataset(ROWS[:3], part="learned", label="label", split="split")


def test_a_split_without_rows_is_refused() -> None:
    with pytest.raises(DataError, match="no row is of the split valid"):
        a_dataset(ROWS, part="valid", label="label")


def test_the_digest_names_what_is_asked_and_what_is_true() -> None:
    def digest(**changed: object) -> str:
        return a_dataset([{**ROWS[0], **changed}, *ROWS[1:]], label="label").digest

    assert digest() == digest(product="C")
    assert len({digest(), digest(text="another"), digest(label="bad")}) == 3


def test_labels_are_mapped_before_rows_are_judged_on() -> None:
    data = a_dataset(ROWS, label="label", label_map={"good": "positive", "bad": "negative"})
    assert [row.label for row in data.rows] == ["positive", "negative"]


def test_a_source_of_which_nothing_is_left_is_one_error() -> None:
    with pytest.raises(DataError, match=r"not one of 12 rows can be used \(line 1: the text is empty"):
        a_dataset([{"text": " ", "label": "ab"[at % 2]} for at in range(12)], text="text", label="label")
