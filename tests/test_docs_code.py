"""The code of docs/export.md runs as it is written, on what the commands of the page have made."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from darse.cli.main import run
from darse.data.write import write_rows
from tests.labelled import labelled_rows

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "export.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path) -> Path:
    """A folder with reviews.csv, the study of it, and the exports that the page names."""
    root = tmp_path_factory.mktemp("page")
    plain = [row for row in labelled_rows(90) if row["label"] != "neutral"]
    rows = [{"review": row["text"], "sentiment": row["label"]} for row in plain]
    write_rows(root / "reviews.csv", ["review", "sentiment"], rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        options = ["--model", str(tiny_bert), "--max-trials", "1", "--epochs", "2", "--max-rank", "2", "--quiet"]
        assert run(["explore", "reviews.csv", *options]) == 0
        for command in (["--as", "lora-config", "-o", "plan.py"], ["--profile", "merged", "-o", "model"]):
            assert f"darse export darse-reviews {' '.join(command)}\n" in PAGE
            assert run(["export", "darse-reviews", *command]) == 0
    return root


def _said(block: str, folder: Path, base: Path) -> str:
    """What a block prints; the base model is the tiny one, as the page asks for one's own."""
    code = re.sub(r"^BASE = .*$", f"BASE = {str(base)!r}", block, flags=re.MULTILINE)
    (folder / "block.py").write_text(code, encoding="utf-8")
    done = subprocess.run([sys.executable, "block.py"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_code_that_loads_an_adapter_prints_probabilities(place: Path, tiny_bert: Path) -> None:
    (block,) = (one for one in BLOCKS if "PeftModel" in one)
    assert "'positive'" in _said(block, place, tiny_bert)


def test_the_code_that_uses_a_merged_model_prints_labels(place: Path, tiny_bert: Path) -> None:
    (block,) = (one for one in BLOCKS if "pipeline(" in one)
    assert "'label'" in _said(block, place, tiny_bert)


def test_the_training_script_learns_and_does_the_same_again(place: Path, tiny_bert: Path) -> None:
    (block,) = (one for one in BLOCKS if "import plan" in one)
    first = _said(block, place, tiny_bert)
    losses = [float(line.split()[1]) for line in first.splitlines() if re.match(r"\d+ ", line)]
    assert len(losses) == 2 + 2
    assert (place / "my-adapter" / "adapter_model.safetensors").is_file()
    shutil.rmtree(place / "my-adapter")
    assert _said(block, place, tiny_bert) == first
