from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darse.data.carry import Value
from darse.data.kinds import Record
from darse.data.read import FORMATS, read_rows
from darse.data.write import write_rows
from darse.errors import DataError, StoreError

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20) | st.sampled_from(
    ['"', '""', ",", "\t", "\r", "\n", "\r\n", " ", "=1+1", "a\rb", '"\n', "\ufeff", "'", "None", "\u2028"]
)
rows_of_text = st.lists(st.fixed_dictionaries({"text": texts, "label": texts, "other": texts}), min_size=1, max_size=8)


@pytest.mark.parametrize("suffix", FORMATS)
@settings(max_examples=60, deadline=None)
@given(rows=rows_of_text)
def test_what_was_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, rows: list[dict[str, str]]
) -> None:
    path = tmp_path_factory.getbasetemp() / f"round{suffix}"
    assert write_rows(path, ("text", "label", "other"), rows) == len(rows)
    read = list(read_rows(path))
    assert [row.problem for row in read] == [None] * len(rows)
    assert [dict(row.cells) for row in read] == rows


numbers = st.none() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=60, deadline=None)
@given(values=st.lists(numbers | st.booleans() | texts, min_size=1, max_size=8))
def test_json_lines_give_every_value_back_with_its_type(
    tmp_path_factory: pytest.TempPathFactory, values: list[Value]
) -> None:
    path = tmp_path_factory.getbasetemp() / "typed.jsonl"
    write_rows(path, ("value",), [{"value": value} for value in values])
    assert [row.cells["value"] for row in read_rows(path)] == values


@settings(max_examples=40, deadline=None)
@given(scores=st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8))
def test_parquet_gives_scores_back_to_the_bit(tmp_path_factory: pytest.TempPathFactory, scores: list[Value]) -> None:
    path = tmp_path_factory.getbasetemp() / "scores.parquet"
    write_rows(path, ("text", "score"), [{"text": "a", "score": score} for score in scores])
    assert [row.cells["score"] for row in read_rows(path)] == scores


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_long_stream_is_written_in_batches(tmp_path: Path, suffix: str) -> None:
    def stream() -> Iterator[Record]:
        for number in range(5000):
            yield {"text": f"text {number}", "empty": None}

    path = tmp_path / f"long{suffix}"
    assert write_rows(path, ("text", "empty"), stream()) == 5000
    assert sum(1 for _ in read_rows(path)) == 5000


@pytest.mark.parametrize("cell", ["=1+1", "+1+A1", "-1+A1", "- late", "@A1", "\t=1", "\r=1", "\n=1", "\uff1d1+1"])
def test_a_formula_is_neutralised_only_when_asked(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "a.csv"
    for wanted, asked in ((cell, False), (f"'{cell}", True)):
        write_rows(path, ("text",), [{"text": cell}], neutralise_formulas=asked)
        assert [row.cells["text"] for row in read_rows(path)] == [wanted]


def test_a_column_named_like_a_formula_is_neutralised_with_its_cells_in_place(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_rows(path, ("=A1", "text"), [{"=A1": "7", "text": "good"}], neutralise_formulas=True)
    (row,) = read_rows(path)
    assert row.cells == {"'=A1": "7", "text": "good"}


names = st.lists(
    texts.filter(lambda name: name.strip("\ufeff").strip() == name != ""), min_size=1, max_size=4, unique=True
)


@settings(max_examples=100, deadline=None)
@given(columns=names | st.lists(st.sampled_from(["a;b", "a,b", "|", '"', "a\tb"]), min_size=1, max_size=3, unique=True))
@pytest.mark.parametrize("separator", [None, ",", ";", "\t", "|"])
def test_columns_of_any_name_are_read_back_whatever_separates_them(
    tmp_path_factory: pytest.TempPathFactory, separator: str | None, columns: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "named.csv"
    write_rows(path, columns, [dict.fromkeys(columns, "a|b;c,d\te")], separator=separator)
    assert [dict(row.cells) for row in read_rows(path)] == [dict.fromkeys(columns, "a|b;c,d\te")]


@pytest.mark.parametrize("value", [-1.5, "-1.5", "-3e-05", "-0,5"])
def test_a_number_is_no_formula(tmp_path: Path, value: Value) -> None:
    path = tmp_path / "a.csv"
    write_rows(path, ("score",), [{"score": value}], neutralise_formulas=True)
    assert [row.cells["score"] for row in read_rows(path)] == [str(value)]


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_a_format_that_no_spreadsheet_opens_keeps_every_text(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    write_rows(path, ("text",), [{"text": "=1+1"}], neutralise_formulas=True)
    assert [row.cells["text"] for row in read_rows(path)] == ["=1+1"]


@pytest.mark.parametrize(
    ("name", "columns", "row"),
    [
        ("a.txt", ("text",), {"text": "a"}),
        ("a.csv", (), {}),
        ("a.csv", ("text", "text"), {}),
        ("a.csv", ("text",), {"text": "a\0"}),
        ("a.csv", ("text",), {"text": "\ud800"}),
        ("a.jsonl", ("text",), {"text": "\ud800"}),
        ("a.jsonl", ("text",), {"text": float("nan")}),
        ("a.parquet", ("text",), {"text": "\ud800"}),
    ],
)
def test_what_could_not_be_read_back_is_not_written(
    tmp_path: Path, name: str, columns: tuple[str, ...], row: Record
) -> None:
    with pytest.raises(DataError):
        write_rows(tmp_path / name, columns, [row])
    assert list(tmp_path.iterdir()) == []


def test_a_failing_stream_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    def stream() -> Iterator[Record]:
        yield {"text": "new"}
        raise ValueError("the model failed")

    path = tmp_path / "a.csv"
    write_rows(path, ("text",), [{"text": "old"}])
    with pytest.raises(ValueError, match="the model failed"):
        write_rows(path, ("text",), stream())
    assert [row.cells["text"] for row in read_rows(path)] == ["old"]
    assert os.listdir(tmp_path) == ["a.csv"]  # noqa: PTH208 - hidden temporary files count too


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_folder_that_cannot_be_written_is_one_error_that_names_the_path(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(StoreError, match="cannot write /proc"):
        write_rows(Path("/proc/no-such-folder") / f"a{suffix}", ("text",), [{"text": "a"}])


def test_a_parquet_column_whose_first_value_comes_late_is_text(tmp_path: Path) -> None:
    rows: list[Record] = [{"id": place} for place in range(3000)]
    write_rows(tmp_path / "a.parquet", ["id", "note"], [*rows, {"id": 3000, "note": 7}])
    *_, before, last = read_rows(tmp_path / "a.parquet")
    assert (before.cells["note"], last.cells["note"]) == (None, "7")
