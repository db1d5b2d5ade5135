from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from darse.data.duplicates import drop_duplicates
from darse.data.labelled import LabelledRow, text_key
from tests.data.samples import labelled_row

rows = st.lists(
    st.builds(
        labelled_row,
        st.sampled_from(["a", "A", " a ", "ａ", "b", "B b", "b  b", "c"]),
        st.sampled_from(["x", "x", "x", "y"]),
        score=st.sampled_from([0.0, 0.05, 1.0]),
        split=st.sampled_from(["train", "valid", "test"]),
    ),
    max_size=20,
)


@given(rows=rows)
def test_every_row_stays_or_is_counted_and_no_text_stays_twice(rows: list[LabelledRow]) -> None:
    unique = drop_duplicates(rows)
    assert len(unique.rows) + unique.duplicates + unique.conflicts == len(rows)
    assert len({row.key for row in unique.rows}) == len(unique.rows)
    for row in unique.rows:
        assert {other.label for other in rows if other.key == row.key} == {row.label}


def test_the_first_of_equal_rows_stays() -> None:
    same = [labelled_row("Fine!", line=1), labelled_row(" fine!", line=2), labelled_row("ｆｉｎｅ!", line=3)]
    unique = drop_duplicates(same)
    assert [row.line for row in unique.rows] == [1]
    assert (unique.duplicates, unique.conflicts) == (2, 0)


def test_the_row_in_test_stays_so_that_nothing_leaks() -> None:
    same = [
        labelled_row("fine", split="train"),
        labelled_row("fine", split="valid"),
        labelled_row("fine", split="test"),
    ]
    assert [row.split for row in drop_duplicates(same).rows] == ["test"]
    assert [row.split for row in drop_duplicates(same[:2]).rows] == ["valid"]


def test_rows_with_contradicting_labels_all_go() -> None:
    unique = drop_duplicates([labelled_row("fine", "a"), labelled_row("fine", "b"), labelled_row("fine", "a")])
    assert (unique.rows, unique.duplicates, unique.conflicts) == ([], 0, 3)


def test_scores_contradict_beyond_a_tenth_of_their_range() -> None:
    ends = [labelled_row("low", score=0.0), labelled_row("high", score=10.0)]
    near = [labelled_row("fine", score=5.0), labelled_row("fine", score=6.0)]
    far = [labelled_row("fine", score=5.0), labelled_row("fine", score=6.01)]
    assert drop_duplicates([*ends, *near]).duplicates == 1
    assert drop_duplicates([*ends, *far]).conflicts == 2


def test_the_same_text_on_another_target_is_no_duplicate() -> None:
    assert len({text_key("fine", None), text_key("fine", "ACME"), text_key("fine", "Foo")}) == 3
    assert text_key("fine", "ACME") == text_key("fine", "acme ")
