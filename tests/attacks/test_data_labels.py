"""I2: labels and scores that Python would take and nobody meant are refused, or mapped by a table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from darse.data.example import LabelledData
from darse.data.load import load_labelled
from darse.settings import DataSettings

LABELS = [
    "１",
    "1_0",
    "+1",
    " 1",
    "1 ",
    "True",
    "nan",
    "NaN",
    "None",
    "null",
    "",
    "1.0",
    "01",
    "1\u200b",
    "١",
]
SCORES = ["１", "1_0", "+1", " 1", "1 ", "True", "nan", "inf", "-inf", "", "1,5", "1e999", "0x1", "١"]


def load(path: Path, values: list[str], settings: DataSettings, *, column: str, form: str) -> LabelledData:
    rows = [{"text": f"text {i}", column: value} for i, value in enumerate(values)]
    if form == ".jsonl":
        path.write_text("\n".join(map(json.dumps, rows)))
    else:
        path.write_text(f"text,{column}\n" + "".join(f'{row["text"]},"{row[column]}"\n' for row in rows))
    return load_labelled(path, settings, seed=0)


@pytest.mark.parametrize("form", [".csv", ".jsonl"])
@pytest.mark.parametrize("hostile", LABELS)
def test_a_label_that_looks_like_another_is_refused_or_mapped(tmp_path: Path, hostile: str, form: str) -> None:
    values = ["0", "1"] * 30 + [hostile] * 5
    path = tmp_path / f"a{form}"
    data = load(path, values, DataSettings(), column="label", form=form)
    assert data.task.classes == ("0", "1")
    assert sum(data.check.rejected.values()) == 5
    assert all("--label-map" in reason for reason in data.check.rejected)
    table = {"0": "negative", "1": "positive", hostile: "positive"}
    mapped = load(path, values, DataSettings(label_map=table), column="label", form=form)
    assert mapped.task.classes == ("negative", "positive")
    assert mapped.check.class_counts["train"]["positive"] > mapped.check.class_counts["train"]["negative"]
    assert mapped.check.rejected == {}


@pytest.mark.parametrize("form", [".csv", ".jsonl"])
@pytest.mark.parametrize(
    "hostile", ["１", "1_0", "+1", " 1", "1 ", "True", "nan", "inf", "-inf", "", "1,5", "1e999", "0x1", "١"]
)
def test_a_score_that_python_would_take_is_refused(tmp_path: Path, hostile: str, form: str) -> None:
    values = [f"{i / 50:.2f}" for i in range(60)] + [hostile] * 3
    data = load(tmp_path / f"a{form}", values, DataSettings(), column="score", form=form)
    assert sum(data.check.rejected.values()) == 3
    assert data.check.kept == 60
    assert (data.check.score_quantiles[0], data.check.score_quantiles[-1]) == (0.0, 59 / 50)


@pytest.mark.parametrize("written", ["NaN", "Infinity", "-Infinity", "true", "null", "[1]", "1e999", "9" * 5000])
def test_a_json_value_that_is_no_score_is_refused(tmp_path: Path, written: str) -> None:
    rows = [f'{{"text": "text {i}", "score": {i / 50}}}' for i in range(60)]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join([*rows, f'{{"text": "hostile", "score": {written}}}']))
    data = load_labelled(path, DataSettings(), seed=0)
    assert (sum(data.check.rejected.values()), data.check.kept) == (1, 60)


def test_an_unseen_label_is_left_out_of_a_table_and_counted(tmp_path: Path) -> None:
    values = ["good", "bad"] * 30 + ["unseen"] * 4
    table = {"good": "positive", "bad": "negative"}
    data = load(tmp_path / "a.csv", values, DataSettings(label_map=table), column="label", form=".csv")
    assert data.check.rejected == {"the label is not in --label-map": 4}
    assert data.check.rejected_rows[0].reason.endswith("'unseen'")
