"""A scenario's short form in a process of its own, where forking is safe."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
DEADLINE_S = 120.0


def problems_of(scenario: str, folder: Path, *, store: str | None = None) -> list[str]:
    """Run a scenario in a new folder, on a server if its address is given; every case that missed its target."""
    command = [sys.executable, "-m", "tests.store.scenarios.run", scenario, str(folder / "scenario")]
    command += [] if store is None else [f"--store={store}"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    if ended.returncode != 0:
        raise AssertionError(f"{scenario} did not run:\n{ended.stderr}")
    problems: list[str] = json.loads(ended.stdout)["problems"]
    return problems
