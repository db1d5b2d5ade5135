"""I4: arbitrary bytes as any input file give rows or the input error, never another exception."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darse.data.load import load_labelled
from darse.data.read import FORMATS, read_rows
from darse.errors import DataError
from darse.settings import DataSettings

FRAGMENTS = (
    b'text,label\n|text\tlabel\n|{"text": "a", "label": 1}\n|"|,|\n|\r|\r\n|\0|\t|\xef\xbb\xbf|\xff\xfe'
    b"|\xfe\xff|\xff\xfe\x00\x00|PAR1|PK\x03\x04|\x80\x04|{|}|[|]|NaN|1e999|\\ud800|\xc3|\xa9|a|1|a,b\n"
)
fragments = st.sampled_from(FRAGMENTS.split(b"|"))
hostile_bytes = st.binary(max_size=300) | st.lists(fragments, max_size=40).map(b"".join)


@pytest.mark.parametrize("suffix", FORMATS)
@settings(max_examples=150, deadline=None)
@given(content=hostile_bytes)
def test_arbitrary_bytes_give_rows_or_the_input_error(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / f"bytes{suffix}"
    path.write_bytes(content)
    for error in (
        error_of(lambda: list(read_rows(path))),
        error_of(lambda: load_labelled(path, DataSettings(), seed=0)),
    ):
        assert error is None or str(error.path) == str(path)


def error_of(read: Callable[[], object]) -> DataError | None:
    """The input error of a call, or None; any other exception passes and fails the test."""
    try:
        read()
    except DataError as error:
        return error
    return None


def good_parquet() -> bytes:
    buffer = io.BytesIO()
    texts = [f"text {i}" for i in range(60)]
    table = pa.table({"text": texts, "label": ["a", "b"] * 30, "score": [i / 7 for i in range(60)], "n": [[1]] * 60})
    pq.write_table(table, buffer, row_group_size=20, compression="snappy", write_page_index=True)
    return buffer.getvalue()


def test_a_parquet_file_with_flipped_bytes_gives_rows_or_the_input_error(tmp_path: Path) -> None:
    whole = good_parquet()
    path = tmp_path / "flipped.parquet"
    draw = random.Random(0)
    for _ in range(500):
        content = bytearray(whole)
        for _ in range(draw.choice([1, 1, 2, 8])):
            content[draw.randrange(len(content))] = draw.randrange(256)
        path.write_bytes(content)
        error = error_of(lambda: load_labelled(path, DataSettings(), seed=0))
        assert error is None or str(error.path) == str(path)


cell = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers())


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.dictionaries(st.sampled_from(["text", "label", "score", "split", "x"]), cell), max_size=40),
    named=st.fixed_dictionaries({}, optional={p: st.just(p) for p in ("text", "label", "score", "split", "target")}),
)
def test_arbitrary_rows_in_memory_give_data_or_the_input_error(
    rows: list[dict[str, object]], named: dict[str, str]
) -> None:
    error = error_of(lambda: load_labelled(rows, DataSettings.model_validate(named), seed=0))
    assert error is None or error.path == "rows in memory"


@settings(max_examples=150, deadline=None)
@given(name=st.text(max_size=30) | st.sampled_from(["..", "a:..", "CON", "a\0.csv", "x" * 5000 + ".csv", "~root"]))
def test_an_arbitrary_name_is_the_input_error(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp() / "none"
    with pytest.raises(DataError):
        load_labelled(f"{folder}/{name}/no.csv", DataSettings(), seed=0)
