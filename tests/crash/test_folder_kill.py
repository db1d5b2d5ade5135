"""An export killed at every durable step leaves the earlier one or the new one, at the latest when it is used again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_folder_killed_while_it_is_replaced_is_whole_again_at_the_next_use(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.crash.killed_folder", str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert found["problems"] == []
    assert found["kills"] > 20
