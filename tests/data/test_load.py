from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from darse.data.check import describe
from darse.data.example import LabelledData
from darse.data.load import RARE_CLASS, STRADDLING, load_labelled
from darse.data.source import Source
from darse.data.write import write_rows
from darse.errors import DataError
from darse.settings import DataSettings
from tests.data.samples import Record, csv_text, records, write

PLAIN = DataSettings()


def load(source: Source, settings: DataSettings = PLAIN, *, seed: int = 0) -> LabelledData:
    return load_labelled(source, settings, seed=seed)


def is_accounted(data: LabelledData) -> bool:
    check = data.check
    left = check.kept + sum(check.rejected.values()) + check.duplicates + check.conflicts
    return check.rows == left and check.kept == len(data.train) + len(data.valid) + len(data.test)


def test_a_csv_becomes_split_examples_with_their_lines(tmp_path: Path) -> None:
    data = load(write(tmp_path / "a.csv", csv_text(60)))
    assert data.task.classes == ("negative", "positive")
    assert (len(data.train), len(data.valid), len(data.test)) == (40, 10, 10)
    lines = {example.line: example.text for name in ("train", "valid", "test") for example in data.split(name)}
    assert lines == {i + 2: row["text"] for i, row in enumerate(records(60))}
    assert data.check.columns.guessed == ("text", "label")
    assert is_accounted(data)


def test_a_german_excel_export_is_read_as_its_english_twin(tmp_path: Path) -> None:
    scores = [i / 8 - 3 for i in range(60)]
    english = [f"\u201cGr\u00fc\u00dfe\u201d {i}, 5 \u20ac;{score:.3f}" for i, score in enumerate(scores)]
    german = [f"{row.rpartition('.')[0]},{row.rpartition('.')[2]}" for row in english]
    write(tmp_path / "en.csv", "\n".join(["Text;Score", *english]))
    write(tmp_path / "de.csv", "\r\n".join(["Text;Score", *german]).encode("cp1252"))
    wanted = load(tmp_path / "en.csv", DataSettings(text="Text", score="Score"))
    data = load(tmp_path / "de.csv", DataSettings(text="Text", score="Score", encoding="cp1252"))
    assert (data.digest, data.check.rejected) == (wanted.digest, {})
    assert data.check.columns.decimal_mark == ","
    assert data.check.how_read == {"separator": ";", "encoding": "cp1252"}
    assert "read with: separator ';', encoding 'cp1252'" in describe(data.check)
    assert wanted.check.how_read == {"separator": ";"}


def test_nested_json_lines_are_read_by_dotted_paths(tmp_path: Path) -> None:
    rows = [{"review": {"body": row["text"]}, "meta": {"stars": row["label"]}} for row in records(60)]
    write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))
    data = load(tmp_path / "a.jsonl", DataSettings(text="review.body", label="meta.stars"))
    assert data.digest == load(records(60)).digest
    assert data.check.unused == ()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            DataSettings(text="review"),
            "the column 'review' (--text) is an object with the keys id, body; write --text review.body",
        ),
        (DataSettings(text="review.boddy"), "the keys id, body, none of them 'boddy'; write --text review.body"),
        (DataSettings(text="review.body.en"), "there is no column 'review.body.en' (--text)"),
        (DataSettings(text="nothing.body"), "there is no column 'nothing.body' (--text)"),
        (
            DataSettings(text="review.body", label="meta"),
            "(--label) is an object with the keys stars; write --label meta.stars",
        ),
    ],
)
def test_an_object_named_for_a_column_is_answered_with_the_path_to_a_value(
    tmp_path: Path, settings: DataSettings, said: str
) -> None:
    rows = [{"review": {"id": 1, "body": row["text"]}, "meta": {"stars": row["label"]}} for row in records(60)]
    write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))
    with pytest.raises(DataError, match=re.escape(said)):
        load(tmp_path / "a.jsonl", settings)


@pytest.mark.parametrize("settings", [DataSettings(separator=";"), DataSettings(encoding="cp1252")])
def test_a_source_that_is_no_file_of_text_has_no_separator_and_no_encoding(
    tmp_path: Path, settings: DataSettings
) -> None:
    write(tmp_path / "train.csv", csv_text())
    with pytest.raises(DataError, match="only files have separators and encodings"):
        load(tmp_path, settings)
    with pytest.raises(DataError, match="only files have separators and encodings"):
        load(records(60), settings)


def test_the_same_rows_in_any_form_have_the_same_digest(tmp_path: Path) -> None:
    rows = [{"text": str(row["text"]), "label": str(row["label"])} for row in records(60)]
    digests = {load(rows).digest, load(iter(rows)).digest}
    for name in ("a.csv", "a.tsv", "a.jsonl", "a.parquet"):
        write_rows(tmp_path / name, ("text", "label"), rows)
        digests |= {load(tmp_path / name).digest, load(str(tmp_path / name)).digest}
    assert len(digests) == 1


def test_a_data_frame_is_a_source() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame([*records(60), {"text": None, "label": "positive"}])
    data = load(frame)
    assert data.digest == load(records(60)).digest
    assert data.check.rejected == {"the text is empty": 1}


def test_a_table_with_to_dicts_is_a_source() -> None:
    class Table:
        def to_dicts(self) -> list[dict[str, object]]:
            return records(60)

    assert load(Table()).digest == load(records(60)).digest


@pytest.mark.parametrize("source", [[], {"text": ["a"]}, ["a", "b"], [1, 2]])
def test_rows_in_memory_that_are_none_are_refused(source: Source) -> None:
    with pytest.raises(DataError):
        load(source)


def test_the_same_seed_gives_the_same_data_in_another_process(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", csv_text(60))
    code = (
        "import sys; from darse.data.load import load_labelled; from darse.settings import DataSettings\n"
        "print(load_labelled(sys.argv[1], DataSettings(), seed=0).digest)"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code, path],
        env=os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    assert printed.strip() == load(path).digest
    assert load(path, seed=1).digest != load(path).digest


def test_reading_a_csv_loads_neither_datasets_nor_pyarrow_nor_torch(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", csv_text(60))
    code = (
        "import sys; from darse.data.load import load_labelled; from darse.settings import DataSettings\n"
        "load_labelled(sys.argv[1], DataSettings(), seed=0)\n"
        "print(sorted({'datasets', 'pyarrow', 'torch', 'pandas'} & set(sys.modules)))"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code, path], env=environment, capture_output=True, check=True, text=True
    )
    assert done.stdout.strip() == "[]"


def test_scores_that_vary_too_little_for_where_they_lie_are_refused() -> None:
    rows = [{"text": f"text number {i}", "score": 10_000_000 + i % 5} for i in range(40)]
    with pytest.raises(DataError, match=r"lie around 1000000\d and vary by 1\.\d+ only.*subtract 1e\+07"):
        load(rows, DataSettings(score="score"))


def test_score_statistics_come_from_train_alone() -> None:
    rows: list[Record] = [{"text": f"t {i}", "score": i / 7, "split": "train"} for i in range(30)]
    rows += [{"text": f"v {i}", "score": 99.5, "split": "dev"} for i in range(5)]
    rows += [{"text": f"x {i}", "score": -99.5, "split": "test"} for i in range(5)]
    task = load(rows).task
    scores = [i / 7 for i in range(30)]
    mean = sum(scores) / 30
    assert task.score_mean == pytest.approx(mean, rel=1e-12)
    assert task.score_sd == pytest.approx(math.sqrt(sum((s - mean) ** 2 for s in scores) / 30), rel=1e-12)
    assert (task.score_low, task.score_high) == (0.0, 29 / 7)
    assert task.outputs == 1


def test_label_score_and_target_make_a_joint_task() -> None:
    rows = [row | {"score": i / 10, "target": f"firm {i}"} for i, row in enumerate(records(60))]
    data = load(rows)
    assert (data.task.outputs, data.task.has_score, data.task.has_target) == (3, True, True)
    assert all(e.label is not None and e.score is not None and e.target for e in data.train)


mixed = st.fixed_dictionaries(
    {
        "text": st.sampled_from(["", "same", "Same ", "\0"]) | st.integers(0, 500).map("text {}".format),
        "label": st.sampled_from(["a"] * 8 + ["b"] * 8 + ["c", "A", "", " b", "nan"]),
        "split": st.sampled_from(["train"] * 9 + ["dev", "test", "holdout"]),
        "group": st.sampled_from(["", *"ghijklmnop"]),
    }
)


@given(rows=st.lists(mixed, max_size=70), use_split=st.booleans(), use_group=st.booleans())
@hypothesis_settings(deadline=None, max_examples=150)
def test_every_row_ends_in_a_split_or_is_counted(rows: list[Record], use_split: bool, use_group: bool) -> None:
    settings = DataSettings(
        text="text",
        label="label",
        split="split" if use_split else None,
        group="group" if use_group else None,
    )
    kept_columns = [{name: value for name, value in row.items() if use_split or name != "split"} for row in rows]
    try:
        data = load(kept_columns, settings)
    except DataError:
        return
    assert is_accounted(data)
    keys = [e.text.strip().casefold() for name in ("train", "valid", "test") for e in data.split(name)]
    assert len(keys) == len(set(keys))
    if use_group:
        groups = {row["text"]: row["group"] for row in rows}
        held = [{groups[e.text] for e in data.split(n)} - {""} for n in ("train", "valid", "test")]
        assert not held[0] & held[1] | held[0] & held[2] | held[1] & held[2]


def test_rare_classes_and_straddling_groups_are_counted_by_reason() -> None:
    rows = [row | {"group": i % 20, "split": "train"} for i, row in enumerate(records(60))]
    rows += [{"text": f"odd {i}", "label": "odd", "group": 99, "split": "train"} for i in range(2)]
    rows += [{"text": f"test {i}", "label": "positive", "group": 0, "split": "test"} for i in range(3)]
    data = load(rows, DataSettings(group="group"))
    assert data.check.rejected == {STRADDLING: 3, RARE_CLASS: 2}
    assert any("'odd'" in warning for warning in data.check.warnings)
    assert data.task.classes == ("negative", "positive")
    assert is_accounted(data)


def test_a_label_map_names_the_classes_and_rejects_the_rest() -> None:
    rows = records(60, ("0", "1", "2"))
    table = {"0": "negative", "2": "positive"}
    data = load(rows, DataSettings(label_map=table))
    assert data.task.classes == ("negative", "positive")
    assert data.check.rejected == {"the label is not in --label-map": 20}


@pytest.mark.parametrize(
    ("rows", "settings", "message"),
    [
        (records(60, ["same"]), PLAIN, "at least two"),
        (records(19), PLAIN, "only 19 usable rows"),
        (records(60), DataSettings(max_rows=59), "more than 59 rows"),
        (records(60), DataSettings(label="text"), "obviously the text"),
        (records(60), DataSettings(score="label"), "60 of 60 rows cannot be used .line 1: the score is not"),
        (records(60), DataSettings(max_text_characters=5), "longer than 5 characters"),
        (records(60), DataSettings(label_map={"negative": " "}), "is empty"),
        ([row | {"score": 1} for row in records(60)], DataSettings(score="score"), "never varies"),
        (
            [{"text": f"t {i}", "label": f"l {i}"} for i in range(200)],
            DataSettings(label="label"),
            "free text",
        ),
        ([{"text": "same", "label": "ab"[i % 2]} for i in range(60)], PLAIN, "no class has 3 usable rows"),
    ],
)
def test_a_source_nobody_could_learn_from_is_refused(rows: list[Record], settings: DataSettings, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        load(rows, settings)
    assert str(caught.value).startswith("rows in memory: ")


def test_a_file_of_broken_rows_is_refused_with_the_first_of_them(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", "not json\n" * 50)
    with pytest.raises(DataError, match=r"50 of 50 rows cannot be used \(line 1: the line is not valid JSON"):
        load(path)


def test_json_lines_with_types_are_loaded(tmp_path: Path) -> None:
    rows = [{"text": f"t {i}", "label": i % 2, "tags": ["x"], "extra": None} for i in range(60)]
    data = load(write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows))))
    assert data.task.classes == ("0", "1")


def test_the_packaged_demo_set_loads_as_it_is() -> None:
    data = load("demo")
    assert data.check.source == "demo"
    assert data.task.classes == ("negative", "neutral", "positive")
    assert is_accounted(data)


@pytest.mark.parametrize("name", ["no-such-file.csv", "./no/such.parquet", "~/x.jsonl"])
def test_a_missing_file_is_said_to_be_missing(name: str) -> None:
    with pytest.raises(DataError, match="no such file"):
        load(name)


@pytest.mark.parametrize("name", ["sheet.xlsx", "data/reviews.json", "no/such.txt"])
def test_a_file_of_another_format_is_never_looked_for_on_the_hub(name: str) -> None:
    with pytest.raises(DataError, match=r"the format '\.\w+' is not known; use one of \.csv"):
        load(name)


@pytest.mark.parametrize("name", ["", "..", "../x", "a b", "a/b/c", "x\0y", "http://host/a", "a" * 5000, "/no", "é/a"])
def test_what_is_no_file_and_no_hub_name_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = tmp_path / "empty" / "deep"
    empty.mkdir(parents=True)
    monkeypatch.chdir(empty)
    with pytest.raises(DataError):
        load(name)
