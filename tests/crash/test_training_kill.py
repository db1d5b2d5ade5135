"""R4: a training run killed with SIGKILL at random steps ends as if nobody had touched it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_training_killed_at_random_steps_ends_equal_to_the_bit(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.train.killed", str(tmp_path / "run"), "5"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert found["problems"] == []
    assert found["done_again"] <= found["kills"], "more than one checkpoint interval was done again"
