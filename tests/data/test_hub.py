"""The real `datasets` library against local folders in the hub's layout; nothing here needs a network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from darse.data.hub import is_hub_name, open_hub
from darse.data.load import load_labelled
from darse.data.row import Row
from darse.errors import DataError
from darse.settings import DataSettings
from tests.data.samples import csv_text, write

CARD = """---
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train-*
  - split: test
    path: data/test-*
- config_name: tiny
  data_files:
  - split: train
    path: data/test-*
dataset_info:
- config_name: default
  features:
  - name: text
    dtype: string
  - name: label
    dtype:
      class_label:
        names:
          '0': negative
          '1': positive
---
# A card
"""
ONE_FILE = "---\nconfigs:\n- config_name: default\n  data_files: {}\n---\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A folder with a card, two configurations and Parquet files whose labels are class indices."""
    folder = tmp_path / "reviews"
    (folder / "data").mkdir(parents=True)
    write(folder / "README.md", CARD)
    for split, count in (("train", 60), ("test", 20)):
        texts = [f"{split} text {i}" for i in range(count)]
        labels = [i % 2 if split == "train" or i > 3 else -1 for i in range(count)]
        pq.write_table(pa.table({"text": texts, "label": labels}), folder / "data" / f"{split}-00000-of-00001.parquet")
    return folder


def read(folder: Path, config: str | None = None) -> list[Row]:
    return list(open_hub(folder, config).rows)


def test_splits_and_class_names_come_from_the_repository(repository: Path) -> None:
    rows = read(repository, "default")
    assert [row.line for row in rows] == list(range(1, 81))
    assert [row.split for row in rows] == ["train"] * 60 + ["test"] * 20
    assert [row.cells["label"] for row in rows[:2]] == ["negative", "positive"]
    assert rows[60].cells["label"] is None


@pytest.mark.parametrize("suffix", ["", ":default"])
def test_a_local_repository_is_a_source(repository: Path, suffix: str) -> None:
    data = load_labelled(f"{repository}{suffix}", DataSettings(), seed=0)
    assert data.task.classes == ("negative", "positive")
    assert data.check.split_origin == "official"
    assert data.check.split_rows == {"train": 50, "valid": 10, "test": 16}
    assert data.check.rejected == {"the label is missing (null)": 4}
    assert data.check.columns.split is None
    assert all(example.text.startswith("test") for example in data.test)


def test_a_single_split_states_no_split(repository: Path) -> None:
    rows = read(repository, "tiny")
    assert len(rows) == 20
    assert {row.split for row in rows} == {None}


def test_a_folder_of_csv_files_is_a_repository(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", csv_text(60))
    write(
        tmp_path / "test.csv",
        "text,label\n" + "".join(f"unseen {i},{'negative' if i % 2 else 'positive'}\n" for i in range(20)),
    )
    data = load_labelled(tmp_path, DataSettings(), seed=0)
    assert data.check.split_rows == {"train": 50, "valid": 10, "test": 20}


def test_a_split_nobody_learns_from_is_left_out_and_said(tmp_path: Path) -> None:
    write(
        tmp_path / "README.md",
        CARD.replace("split: test", "split: unsupervised").replace("path: data/", "path: "),
    )
    write(tmp_path / "train-0.csv", csv_text(60))
    write(tmp_path / "test-0.csv", csv_text(20))
    opened = open_hub(tmp_path, "default")
    assert len(list(opened.rows)) == 60
    assert "unsupervised" in opened.notes[0]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "cannot be loaded"),
        ({"a.py": "raise SystemExit(7)"}, "cannot be loaded"),
        ({"README.md": "---\nconfigs: [[\n---\n", "train.csv": csv_text()}, "cannot be loaded"),
        ({"README.md": "---\nconfigs: 5\n---\n", "train.csv": csv_text()}, "cannot be loaded"),
        ({"README.md": CARD}, "cannot be loaded"),
        ({"README.md": ONE_FILE.format("../outside.csv")}, "outside the folder"),
        ({"README.md": ONE_FILE.format("../*.csv")}, "outside the folder"),
        ({"README.md": ONE_FILE.format("/etc/passwd")}, "cannot be loaded"),
        ({"README.md": ONE_FILE.format("http://127.0.0.1:9/a.csv")}, "outside the folder"),
        ({"train.parquet": "not parquet at all"}, "cannot be loaded"),
        ({"train.csv": "text,label\n\xff\n".encode("latin-1")}, "cannot be loaded"),
        ({"train.csv": ""}, "cannot be loaded"),
        ({"train.jsonl": "{\n"}, "cannot be loaded"),
        ({"train.txt": "a line\n"}, "stored as 'text'"),
        ({"train.pkl": b"\x80\x04N."}, "cannot be loaded"),
    ],
)
def test_a_damaged_or_hostile_repository_is_one_error(
    tmp_path: Path, files: dict[str, str | bytes], message: str
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    write(tmp_path / "outside.csv", csv_text())
    for name, content in files.items():
        write(folder / name, content)
    with pytest.raises(DataError, match=message) as caught:
        load_labelled(folder, DataSettings(), seed=0)
    assert "\n" not in str(caught.value)


def test_files_of_a_folder_that_have_other_columns_are_named(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", '{"text": "fine", "label": 1}\n')
    write(tmp_path / "notes.jsonl", '{"note": ["x"], "day": 1}\n')
    said = r"its files \(a.jsonl, notes.jsonl\) .* do not have the same columns \(one has note, day\); give one of the"
    with pytest.raises(DataError, match=said):
        load_labelled(tmp_path, DataSettings(), seed=0)


def test_an_unknown_configuration_is_one_error(repository: Path) -> None:
    with pytest.raises(DataError, match="default"):
        open_hub(repository, "no-such")


def test_a_pipe_in_a_repository_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "train.csv")
    with pytest.raises(DataError):
        load_labelled(tmp_path, DataSettings(), seed=0)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("imdb", True),
        ("stanfordnlp/sst2", True),
        ("glue:sst2", True),
        ("a/b:c", True),
        ("a/b/c", False),
        ("a/b:", False),
        (":c", False),
        ("../a", False),
        ("a/..", False),
        ("a\\b", False),
        ("a b", False),
        ("/a", False),
        ("a/b\n", False),
        ("ａ/b", False),
        ("a" * 200, False),
        ("hf://a", False),
    ],
)
def test_only_plain_names_are_looked_up_on_the_hub(name: str, expected: bool) -> None:
    assert is_hub_name(name) is expected


def test_a_hub_out_of_reach_is_one_error_with_a_remedy() -> None:
    code = (
        "from darse.data.load import load_labelled; from darse.settings import DataSettings\n"
        "from darse.errors import DataError\n"
        "try: load_labelled('some-owner/some-set', DataSettings(), seed=0)\n"
        "except DataError as error: print(error)"
    )
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True, text=True)
    assert done.stdout.startswith("some-owner/some-set: the data set cannot be loaded: ")
    assert "local folder or file" in done.stdout
    assert done.stdout.count("\n") == 1
