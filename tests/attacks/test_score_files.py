"""Files as people really have them: scored without one value lost, refused in one line, or counted."""

from __future__ import annotations

import datetime
import json
import tracemalloc
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from darse.cli.main import run
from darse.data.read import read_rows
from darse.data.write import write_rows
from darse.errors import DataError, StoreError
from darse.score.scorer import AdapterScorer, Scorer
from tests.conftest import SmallStudy
from tests.score.scoring import score

pd = pytest.importorskip("pandas")  # it comes with datasets
ODD_JSON = (
    '{"text": "good", "tags": [1, {"a": null}], "exact": 0.12345678901234567890,'
    ' "huge": 123456789012345678901234567890, "none": NaN, "far": 1e400,'
    ' "half": "\\ud800", "nul": "a\\u0000b", " id ": 7, "": "x"}'
)


@pytest.fixture(scope="module")
def scorer(small_study: SmallStudy) -> Scorer:
    return AdapterScorer.open(small_study.folder / "adapter")


def _odd_table(rows: int) -> pa.Table:
    moment = datetime.datetime(2020, 2, 29, 12, 30, tzinfo=datetime.UTC)
    return pa.table(
        {
            "when": pa.array([moment] * rows, pa.timestamp("ns", "Europe/Berlin")),
            "text": [f"good {place}" if place % 5 else "" for place in range(rows)],
            "bytes": [b"\xff\0"] * rows,
            "list": pa.array([["a", None]] * rows, pa.large_list(pa.string())),
            "object": [{"a": 1, "b": [1.5]}] * rows,
            "map": pa.array([[("k", 1)]] * rows, pa.map_(pa.string(), pa.int64())),
            "exact": pa.array([Decimal("12345678901234567890.10")] * rows, pa.decimal128(38, 2)),
            "category": pa.array([f"kind {place % 3}" for place in range(rows)]).dictionary_encode(),
            "lasted": pa.array([datetime.timedelta(seconds=5)] * rows, pa.duration("us")),
            "large": pa.array([2**64 - 1] * rows, pa.uint64()),
            "sparse": pa.array([None] * (rows - 1) + [7], pa.int32()),
            " id ": list(range(rows)),
            "": ["x"] * rows,
        }
    )


def test_parquet_keeps_every_column_its_type_and_its_place(scorer: Scorer, tmp_path: Path) -> None:
    source, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    pq.write_table(_odd_table(1100), source, row_group_size=300)
    result = score(scorer, source, out)
    wanted = pq.read_table(source)
    wanted = wanted.filter(pa.array([text != "" for text in wanted["text"].to_pylist()]))
    written = pq.read_table(out)
    assert (result.rows, result.rejected) == (880, 220)
    assert written.select(wanted.column_names).equals(wanted)
    assert written.schema.names[: len(wanted.column_names)] == wanted.column_names
    assert written.schema.field("score").type == pa.float64()
    assert written.schema.field("label").type == pa.string()


def test_what_a_text_format_cannot_hold_becomes_json_text(scorer: Scorer, tmp_path: Path) -> None:
    pq.write_table(_odd_table(2), tmp_path / "in.parquet")
    for suffix in (".csv", ".jsonl"):
        score(scorer, tmp_path / "in.parquet", tmp_path / f"out{suffix}")
    (row,) = read_rows(tmp_path / "out.csv")
    assert row.cells["list"] == '["a", null]'
    assert row.cells["object"] == '{"a": 1, "b": [1.5]}'
    assert row.cells["bytes"] == "/wA="
    assert row.cells["exact"] == "12345678901234567890.10"
    assert str(row.cells["when"]).startswith("2020-02-29 12:30")
    line = json.loads((tmp_path / "out.jsonl").read_text(), parse_float=Decimal)
    assert (line["list"], line["exact"]) == (["a", None], Decimal("12345678901234567890.10"))


def test_json_lines_keep_every_value_as_it_was_written(scorer: Scorer, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text(ODD_JSON + "\n", encoding="utf-8")
    score(scorer, tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_text().startswith(ODD_JSON.removesuffix("}") + ', "score": ')


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_odd_json_values_reach_every_format(scorer: Scorer, tmp_path: Path, suffix: str) -> None:
    (tmp_path / "in.jsonl").write_text(ODD_JSON + "\n", encoding="utf-8")
    out = tmp_path / f"out{suffix}"
    score(scorer, tmp_path / "in.jsonl", out)
    (row,) = read_rows(out)
    assert row.cells["tags"] == '[1, {"a": null}]'
    assert row.cells["exact"] == "0.12345678901234567890"
    assert row.cells["huge"] == "123456789012345678901234567890"
    assert row.cells["half"] == '"\\ud800"'


def test_the_index_that_pandas_writes_is_kept(scorer: Scorer, tmp_path: Path) -> None:
    pd.DataFrame({"text": ["good", "bad"]}, index=[7, 9]).to_csv(tmp_path / "in.csv")
    score(scorer, tmp_path / "in.csv", tmp_path / "out.csv")
    assert [row.cells["column 1"] for row in read_rows(tmp_path / "out.csv")] == ["7", "9"]


def test_a_column_of_one_kind_whose_first_value_comes_late_does_not_end_the_run(scorer: Scorer, tmp_path: Path) -> None:
    rows = [json.dumps({"text": "good", "n": None, "mixed": place}) for place in range(1100)]
    rows.append('{"text": "bad", "n": 0.5, "mixed": "late"}')
    (tmp_path / "in.jsonl").write_text("\n".join(rows), encoding="utf-8")
    assert score(scorer, tmp_path / "in.jsonl", tmp_path / "out.parquet").rows == len(rows)
    schema = pq.read_schema(tmp_path / "out.parquet")
    assert (schema.field("n").type, schema.field("mixed").type) == (pa.float64(), pa.string())


def test_a_column_name_that_no_file_can_hold_is_refused(scorer: Scorer, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "good", "\\ud800": 1}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"not one row can be read .*half of a surrogate pair"):
        score(scorer, tmp_path / "in.jsonl", tmp_path / "out.csv")


@pytest.mark.parametrize("make", [lambda path: path.write_text('{"line": 1}\n'), Path.mkdir], ids=["file", "folder"])
def test_a_file_that_darse_did_not_write_is_never_deleted(
    scorer: Scorer, tmp_path: Path, make: Callable[[Path], object]
) -> None:
    (tmp_path / "in.csv").write_text("text\ngood\n", encoding="utf-8")
    make(tmp_path / "mine.rejects.jsonl")
    with pytest.raises(DataError, match="darse did not write this"):
        score(scorer, tmp_path / "in.csv", tmp_path / "mine.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "mine.rejects.jsonl"]


def test_a_folder_is_no_place_for_the_result(scorer: Scorer, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("text\ngood\n", encoding="utf-8")
    (tmp_path / "out.csv").mkdir()
    with pytest.raises(DataError, match="this is a folder"):
        score(scorer, tmp_path / "in.csv", tmp_path / "out.csv", progress=lambda rows: pytest.fail("scored"))


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_rejected_rows_do_not_gather_in_memory(scorer: Scorer, tmp_path: Path, suffix: str) -> None:
    source, count = tmp_path / f"in{suffix}", 40_000
    bad, first, good = ("x,y\n", "text\n", "good\n") if suffix == ".csv" else ("{bad\n", "", '{"text": "good"}\n')
    source.write_text(first + bad * count + good, encoding="utf-8")
    tracemalloc.start()
    try:
        result = score(scorer, source, tmp_path / "out.csv")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (result.rows, result.rejected) == (1, count)
    assert result.rejects is not None
    assert len(result.rejects.read_bytes().splitlines()) == count
    assert peak < 8 << 20


def test_a_file_with_nothing_usable_is_bad_input_with_its_counts(
    small_study: SmallStudy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.csv").write_text('text,id\n"",1\n" ",2\n', encoding="utf-8")
    arguments = ["score", str(small_study.folder / "adapter"), str(tmp_path / "in.csv"), "--text", "text"]
    assert run([*arguments, "-o", str(tmp_path / "out.csv")]) == 2
    assert "not one of the 2 rows can be scored; the first: line 2: the text is empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_one_text_and_a_result_file_are_refused(small_study: SmallStudy, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    assert run(["score", str(small_study.folder / "adapter"), "--text", "good", "-o", str(out)]) == 2
    assert not out.exists()


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_disk_that_is_full_at_the_end_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    def is_full(*given: object) -> int:
        raise OSError(28, "No space left on device")

    def rows() -> Iterator[dict[str, str]]:
        yield {"text": "good"}
        monkeypatch.setattr("pyarrow.parquet.ParquetWriter.write_table", is_full)
        monkeypatch.setattr("darse.data.write._put_all", is_full)

    with pytest.raises(StoreError, match="No space left"):
        write_rows(tmp_path / f"out{suffix}", ["text"], rows())
    assert not list(tmp_path.iterdir())
