"""Where `darse shrink` puts what it makes, and what it refuses before it loads anything."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from darse.cli.shrink import shrunk_folder
from darse.data.write import write_rows
from tests.labelled import labelled_rows


@pytest.mark.parametrize(
    ("adapter", "folder"),
    [
        ("my-adapter", "darse-shrunk-my-adapter"),
        ("runs/my-adapter/", "darse-shrunk-my-adapter"),
        ("owner/finbert-lora", "darse-shrunk-finbert-lora"),
        ("darse-reviews/adapter", "darse-shrunk-reviews"),
        ("darse-headlines/adapter/", "darse-shrunk-headlines"),
        ("darse-reviews/adapter-best-uniform-native", "darse-shrunk-reviews-best-uniform-native"),
        ("studies/tickets/adapter", "darse-shrunk-tickets"),
        ("darse-shrunk-reviews/adapter", "darse-shrunk-shrunk-reviews"),
        ("adapter", "darse-shrunk-here"),
        (".", "darse-shrunk-here"),
        ("../adapter", "darse-shrunk-above"),
        ("/adapter", "darse-shrunk-adapter"),
    ],
)
def test_an_adapter_that_is_called_adapter_goes_by_the_name_of_its_study(
    adapter: str, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "above" / "darse-here").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "above" / "darse-here")
    assert shrunk_folder(adapter) == Path(folder)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lora", "--data", "gone.csv"], "there is no such file"),
        (["lora", "--data", "reviews.csv", "--label", "nope"], "there is no column 'nope'"),
        (["lora", "--data", "reviews.csv", "--encoding", "utf-16"], "not in --encoding utf-16"),
        (["lora", "--data", "reviews.csv", "--model", "./nowhere"], "there is no such folder; check --model"),
        (["./nowhere", "--data", "reviews.csv"], "there is no such folder; give the folder of a PEFT adapter"),
        (["other", "--data", "reviews.csv"], "is of type 'IA3'; only LORA adapters can be read"),
    ],
)
def test_what_is_wrong_is_told_before_heavy_packages_are_loaded(
    arguments: list[str], said: str, tmp_path: Path
) -> None:
    rows = labelled_rows(60)
    write_rows(tmp_path / "reviews.csv", list(rows[0]), rows)
    for name, kind in (("lora", "LORA"), ("other", "IA3")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "adapter_config.json").write_text(json.dumps({"peft_type": kind, "lora_alpha": 8}))
    code = f"import sys; from darse.cli.main import run; code = run({['shrink', *arguments]!r})"
    code += "; sys.exit(9 if 'torch' in sys.modules else code)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
