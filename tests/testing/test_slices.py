"""Slices: every row stands in one of each way, and what they are called is what is true of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darse.errors import InputError
from darse.testing.slices import EMPTY, MOST_VALUES, NOT_ENGLISH, OTHERS, find_slices, is_negated
from tests.testing.worlds import a_dataset, classed

WORDS = st.sampled_from(["good", "not", "bad", "isn't", "это", "плохо", "x" * 200, "\u4e0d\u597d", "never"])


@settings(max_examples=40)
@given(st.lists(st.lists(WORDS, min_size=1, max_size=6), min_size=12, max_size=20), st.data())
def test_every_way_shares_the_rows_out(texts: list[list[str]], draw: st.DataObject) -> None:
    product = draw.draw(st.lists(st.sampled_from(["A", "B", ""]), min_size=len(texts), max_size=len(texts)))
    data = a_dataset(
        [
            {"text": f"{' '.join(words)} {at}", "label": "ab"[at % 2], "product": product[at]}
            for at, words in enumerate(texts)
        ],
        text="text",
        label="label",
    )
    for by in ("length", "label", "negation", "product"):
        parts = find_slices(data, [by])
        assert all(len(part.places) for part in parts)
        assert sorted(np.concatenate([part.places for part in parts]).tolist()) == list(range(len(data)))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("I do not like it", True),
        ("It doesn’t work", True),
        ("DONT BUY", True),
        ("Nobody answers.", True),
        ("can't complain", True),
        ("a notable knot", False),
        ("now or then", False),
    ],
)
def test_negation_is_told_by_whole_words(text: str, found: bool) -> None:
    assert is_negated(text) == found


def test_rows_of_other_languages_are_not_sliced_by_negation() -> None:
    rows = [
        {"text": "not good at all", "label": "bad", "lang": "en"},
        {"text": "gar nicht gut, no", "label": "bad", "lang": "de"},
        {"text": "this is fine", "label": "good", "lang": "en-GB"},
        {"text": "совсем не то", "label": "bad", "lang": ""},
    ]
    data = a_dataset(rows * 1, text="text", label="label")
    assert [(one.value, one.places.tolist()) for one in find_slices(data, ["negation"])] == [
        ("with", [0]),
        ("without", [2]),
        (NOT_ENGLISH, [1, 3]),
    ]


def test_a_column_of_many_values_keeps_the_frequent_ones() -> None:
    values = ["A"] * 10 + [""] * 5 + [f"v{at}" for at in range(30)]
    parts = find_slices(classed(45, brand=values), ["brand"])
    assert [one.value for one in parts[:2]] == ["A", EMPTY]
    assert len(parts) == MOST_VALUES + 1
    assert parts[-1].value == OTHERS
    assert len(parts[-1].places) == 45 - 15 - (MOST_VALUES - 2)


@pytest.mark.parametrize("by", ["colour", "", "text"])
def test_an_unknown_column_is_told_with_what_there_is(by: str) -> None:
    with pytest.raises(InputError, match=r"cannot be sliced by .*; there are: label, length, negation"):
        find_slices(classed(10), [by])
