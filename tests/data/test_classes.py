from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darse.data.classes import MAX_CLASSES, check_label_map, find_variants, order_classes, refuse_free_text
from darse.errors import DataError


@pytest.mark.parametrize(
    "labels",
    [
        ("negative", "neutral", "positive"),
        ("very negative", "negative", "neutral", "positive", "very positive"),
        ("strongly_negative", "neg", "neu", "slightly-positive", "POS"),
        ("bearish", "neutral", "bullish"),
        ("-1", "0", "1"),
        ("1", "2", "10"),
        ("0.0", "0.5", "1.0"),
        ("anger", "joy", "sadness"),
        ("against", "favor", "none of both"),
    ],
)
def test_classes_stand_in_a_meaningful_order(labels: tuple[str, ...]) -> None:
    assert order_classes(labels[::-1]) == labels


@given(labels=st.sets(st.text(min_size=1, max_size=5), min_size=2, max_size=10))
def test_the_order_of_classes_does_not_depend_on_the_order_of_rows(labels: set[str]) -> None:
    assert order_classes(sorted(labels)) == order_classes(sorted(labels, reverse=True))
    assert set(order_classes(list(labels))) == labels


@pytest.mark.parametrize(
    ("counts", "refused"),
    [
        ({"positive": 9, "Positive": 2, "negative": 5}, {"Positive"}),
        ({"so good": 9, "so  good": 2, "sogood": 1, "bad": 5}, {"so  good", "sogood"}),
        ({"good": 3, "ｇｏｏｄ": 2, "bad": 3}, {"ｇｏｏｄ"}),
        ({"a": 3, "A": 3}, {"A"}),
        ({"0": 5, "1": 5, "+1": 1, "1_0": 1, "1.0": 3}, {"+1", "1_0", "1.0"}),
        ({"0": 5, "1": 5, "01": 1, "True": 1, "yes": 1}, {"01", "True", "yes"}),
        ({"0.0": 5, "1.0": 5}, set()),
        ({"up": 5, "down": 5, "1": 2}, set()),
    ],
)
def test_another_spelling_of_a_class_is_refused(counts: dict[str, int], refused: set[str]) -> None:
    found = find_variants(counts)
    assert set(found) == refused
    assert all("--label-map" in reason for reason in found.values())


def test_free_text_is_no_class() -> None:
    refuse_free_text([str(number) for number in range(MAX_CLASSES)])
    with pytest.raises(DataError, match="free text"):
        refuse_free_text([str(number) for number in range(MAX_CLASSES + 1)])


@pytest.mark.parametrize("labels", [[], ["only"]])
def test_fewer_than_two_classes_are_refused(labels: list[str]) -> None:
    with pytest.raises(DataError, match="at least two"):
        order_classes(labels)


@pytest.mark.parametrize("table", [{"a": ""}, {"a": " b"}, {"a": "b\n"}, {"a": "c", "b": "C"}])
def test_a_label_map_with_unfit_classes_is_refused(table: dict[str, str]) -> None:
    with pytest.raises(DataError, match="label-map"):
        check_label_map(table)


def test_a_label_map_may_merge_classes_and_name_one_none() -> None:
    check_label_map({"a": "positive", "b": "positive", "c": "none"})
