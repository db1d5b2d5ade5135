"""A shell completes verbs, options and choices."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["darse", "ex"], {"explore", "export"}),
        (["darse", "explore", "x", "--objective", ""], {"smallest", "best"}),
        (["darse", "explore", "x", "--max-m"], {"--max-minutes"}),
    ],
)
def test_bash_is_given_what_fits(words: list[str], wanted: set[str]) -> None:
    asked = {"_DARSE_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    command = [str(Path(sys.executable).with_name("darse"))]
    done = subprocess.run(command, env={**os.environ, **asked}, capture_output=True, text=True, check=True, timeout=60)
    assert set(done.stdout.split()) == wanted
    assert not done.stderr
