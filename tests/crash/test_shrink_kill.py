"""Work on somebody's adapter that is killed loses no finished trial and ends as if nobody had killed it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import torch

from darse.data.write import write_rows

from .. import plain_peft
from ..labelled import labelled_rows
from ..tiny import save_model
from .killed_shrink import KINDS

ROOT = Path(__file__).parents[2]


def test_killed_work_on_an_adapter_ends_as_if_nobody_had_killed_it(tmp_path: Path) -> None:
    rows = labelled_rows(120)
    base, texts = save_model("bert", tmp_path / "base"), [str(row["text"]) for row in rows]
    labels = torch.tensor([KINDS.index(str(row["label"])) for row in rows])
    model = plain_peft.trained(base, plain_peft.config("bert"), texts[:60], labels[:60], 3)
    adapter = plain_peft.save(model, tmp_path / "adapter")
    write_rows(tmp_path / "valid.csv", ["text", "label"], rows)
    command = [
        sys.executable,
        "-m",
        "tests.crash.killed_shrink",
        str(adapter),
        str(tmp_path / "valid.csv"),
        str(tmp_path),
    ]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert found["kills"] > 5
    assert found["code"] == 0, ended.stderr
    assert found["trials"] > 5
    assert found["twice"] == 0
    assert found["is_same"]
