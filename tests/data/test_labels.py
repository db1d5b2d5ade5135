from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darse.data.labels import (
    MAX_SCORE,
    DecimalMark,
    find_decimal_mark,
    is_number,
    parse_group,
    parse_label,
    parse_score,
    parse_split,
    parse_text,
)
from darse.data.row import Cell, RowRefused, Unusable


@given(score=st.floats(-MAX_SCORE, MAX_SCORE))
def test_every_float_python_prints_is_a_score(score: float) -> None:
    assert parse_score(repr(score)) == score
    assert parse_score(score) == score


@given(text=st.text(max_size=12) | st.from_regex(r"[-+ 0-9_.,eE]{0,8}", fullmatch=True))
def test_a_score_in_text_is_plain_ascii_or_refused(text: str) -> None:
    if is_number(text):
        assert text.isascii()
        assert not set(text) & set(" _,")
        assert not text.startswith("+")
        assert float(text) == parse_score(text)


@pytest.mark.parametrize(
    ("cell", "score"),
    [
        ("0", 0.0),
        ("-1", -1.0),
        ("5.", 5.0),
        (".5", 0.5),
        ("1e-3", 1e-3),
        ("-2.5E+2", -250.0),
        (3, 3.0),
        (0.1, 0.1),
    ],
)
def test_a_plain_decimal_is_a_score(cell: Cell, score: float) -> None:
    assert parse_score(cell) == score


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("1,5", "comma"),
        ("1,234.5", "comma"),
        ("", "empty"),
        (None, "empty"),
        (True, "truth value"),
        (Unusable("NaN"), "no number"),
        (float("inf"), "not finite"),
        (float("nan"), "not finite"),
        (10**300, "beyond"),
        ("1e400", "not finite"),
        ("-1e16", "beyond"),
        ("1" * 200, "plain decimal"),
    ],
)
def test_a_refused_score_says_why(cell: Cell, reason: str) -> None:
    with pytest.raises(RowRefused, match=reason):
        parse_score(cell)


@pytest.mark.parametrize(
    ("cell", "score"), [("-0,35", -0.35), (",5", 0.5), ("3", 3.0), ("1,5E-05", 1.5e-5), ("1,234", 1.234), (2, 2.0)]
)
def test_a_decimal_comma_is_a_score_in_a_column_of_them(cell: Cell, score: float) -> None:
    assert parse_score(cell, ",") == score


@pytest.mark.parametrize("cell", ["1.234,5", "0.5", "1.234", "1,234,567"])
def test_a_point_among_decimal_commas_is_refused(cell: Cell) -> None:
    with pytest.raises(RowRefused, match=r"decimal comma|plain decimal"):
        parse_score(cell, ",")


@pytest.mark.parametrize(
    ("values", "mark"),
    [
        (["0,5", "1", "-0,35", "1,234"], ","),
        (["0,125", "0,250"], ","),
        (["1,234.5", "0,5"], ","),
        (["0,5", "", None, "n/a", 3, Unusable("a list")], ","),
        (["1,234", "12,500", "999"], "."),
        (["0,5", "0.5"], "."),
        (["1", "2"], "."),
        (["a, b", "1,2,3"], "."),
        ([], "."),
    ],
)
def test_commas_are_decimal_only_where_they_can_be_nothing_else(values: list[Cell], mark: DecimalMark) -> None:
    assert find_decimal_mark(values) == mark


@given(scores=st.lists(st.floats(-1e6, 1e6).map(lambda score: round(score, 2)), min_size=1))
def test_decimal_commas_say_what_decimal_points_say(scores: list[float]) -> None:
    written = [f"{score:.2f}".replace(".", ",") for score in scores]
    assert find_decimal_mark(written) == ","
    assert [parse_score(one, ",") for one in written] == scores


@pytest.mark.parametrize("label", ["positive", "very positive", "1", "-1", "3.5", "LABEL_0", "très bien", "👍"])
def test_a_plain_label_names_its_class(label: str) -> None:
    assert parse_label(label, None) == label


@pytest.mark.parametrize("cell", [" a", "a ", "a\n", "a\tb", "a\u200bb", "a\u202eb", "\ufeffa", "x" * 101, "\x1b[31m"])
def test_a_label_that_looks_like_another_is_refused(cell: str) -> None:
    with pytest.raises(RowRefused, match="label-map"):
        parse_label(cell, None)


def test_a_whole_number_is_the_same_class_in_every_type() -> None:
    assert parse_label(1, None) == parse_label(1.0, None) == parse_label("1", None) == "1"


@pytest.mark.parametrize("cell", [" 1", "１", "", "nan", True, "anything at all\0"])
def test_an_explicit_table_maps_what_would_be_refused(cell: Cell) -> None:
    assert parse_label(cell, {str(cell): "positive"}) == "positive"
    with pytest.raises(RowRefused, match="not in --label-map"):
        parse_label(cell, {"something else": "positive"})


@pytest.mark.parametrize("table", [None, {"bad": "negative"}])
def test_a_missing_label_is_called_so_and_no_table_is_advised(table: dict[str, str] | None) -> None:
    with pytest.raises(RowRefused) as refused:
        parse_label(None, table)
    assert refused.value.reason == "the label is missing (null)"


@pytest.mark.parametrize(("cell", "key"), [(True, "true"), (False, "False"), (1.0, "1"), (None, "")])
def test_a_table_speaks_of_cells_as_they_are_written(cell: Cell, key: str) -> None:
    assert parse_label(cell, {key: "a"}) == "a"


@pytest.mark.parametrize(
    ("cell", "split"),
    [("train", "train"), ("TRAIN", "train"), ("Validation", "valid"), ("dev", "valid"), ("val", "valid"),
     ("valid", "valid"), ("Test", "test")],
)  # fmt: skip
def test_a_split_is_known_in_any_case(cell: str, split: str) -> None:
    assert parse_split(cell) == split


@pytest.mark.parametrize("cell", ["", None, "holdout", " train", 1, True, Unusable("a list")])
def test_an_unknown_split_refuses_its_row(cell: Cell) -> None:
    with pytest.raises(RowRefused, match="none of train"):
        parse_split(cell)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("", "empty"),
        (" \n", "empty"),
        (None, "empty"),
        (5, "not text"),
        (Unusable("a list"), "not text"),
        ("x" * 11, "longer than 10"),
        ("a\0", "NUL"),
        ("a\ud800", "surrogate"),
        ("\u200b \u200d\u2060", "no visible character"),
    ],
)
def test_a_text_no_model_can_read_is_refused(cell: Cell, reason: str) -> None:
    with pytest.raises(RowRefused, match=reason):
        parse_text(cell, part="text", max_characters=10)


def test_a_text_stays_as_it_is() -> None:
    assert parse_text(" =1+1\n", part="text", max_characters=10) == " =1+1\n"


def test_an_empty_group_is_no_group() -> None:
    assert [parse_group(cell) for cell in ("", None, "a", 7, 7.0)] == [None, None, "a", "7", "7"]
    with pytest.raises(RowRefused, match="group"):
        parse_group(Unusable("a list"))
