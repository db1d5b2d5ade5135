"""The labels of a file meet the rows of a head in the right order, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darse.data.example import LabelledData
from darse.data.load import load_labelled
from darse.errors import AdapterError
from darse.settings import DataSettings
from darse.shrink.labels import in_head_order


def _data(*names: str) -> LabelledData:
    rows = [{"text": f"{name} text {place}", "label": name} for place in range(12) for name in names]
    return load_labelled(rows, DataSettings(text="text", label="label"), seed=0)


def _said(data: LabelledData) -> set[tuple[str, str]]:
    return {(one.text, data.task.classes[one.label]) for one in data.train if one.label is not None}


@given(st.permutations(["bad", "good", "so so"]))
def test_every_text_keeps_its_class_in_any_order_of_the_head(names: list[str]) -> None:
    data = _data("good", "bad", "so so")
    ordered = in_head_order(data, names, 3)
    assert ordered.task.classes == tuple(names)
    assert _said(ordered) == _said(data)


def test_names_that_differ_in_case_alone_are_the_labels() -> None:
    ordered = in_head_order(_data("good", "bad"), ["Good", "Bad"], 2)
    assert ordered.task.classes == ("good", "bad")


@pytest.mark.parametrize("form", ["{}", "LABEL_{}"])
def test_numbers_are_the_rows_themselves(form: str) -> None:
    ordered = in_head_order(_data(*(form.format(place) for place in range(3))), (), 5)
    assert ordered.task.classes == tuple(form.format(place) for place in range(5))


def test_a_class_that_the_data_do_not_have_keeps_its_row() -> None:
    assert in_head_order(_data("a", "c"), ["a", "b", "c"], 3).task.classes == ("a", "b", "c")


@pytest.mark.parametrize(
    ("names", "outputs", "said"),
    [
        ((), 2, "--labels bad,good"),
        (("bad", "fine"), 2, "the data have the label 'good'"),
        (("bad", "good", "so so"), 2, "3 labels are named"),
        (("bad", "bad"), 2, "2 labels are named"),
        ((), 1, "1 output, but the data have 2 classes"),
    ],
)
def test_a_mismatch_is_said_with_the_remedy(names: tuple[str, ...], outputs: int, said: str) -> None:
    with pytest.raises(AdapterError, match=said):
        in_head_order(_data("good", "bad"), names, outputs)


def test_a_score_needs_a_single_output() -> None:
    rows = [{"text": f"text {place}", "score": place / 7} for place in range(40)]
    data = load_labelled(rows, DataSettings(), seed=0)
    assert in_head_order(data, (), 1) is data
    with pytest.raises(AdapterError, match="has 3 outputs, but a score needs one"):
        in_head_order(data, (), 3)
