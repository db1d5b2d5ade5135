"""`darse explore` stopped by a signal: a clean end, and the same command goes on from there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from darse.data.write import write_rows
from tests.labelled import labelled_rows

_MAIN = "from darse.cli import main; main()"
_DEADLINE_S = 60.0
"""A hang fails; the seconds themselves are measured by benchmarks/stop_reliability.py."""


def _command(tmp_path: Path, model: Path) -> list[str]:
    rows = labelled_rows(120)
    source = tmp_path / "reviews.csv"
    if not source.exists():
        write_rows(source, list(rows[0]), rows)
    options = ["--model", str(model), "--seeds", "2", "--epochs", "30", "--max-rank", "2", "--learning-rate", "1e-3"]
    return [sys.executable, "-c", _MAIN, "explore", str(source), *options, "--out", str(tmp_path / "out"), "--json"]


def _events(lines: Sequence[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines if line.startswith("{")]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_ends_a_search_cleanly_and_the_same_command_continues(
    number: signal.Signals, code: int, tmp_path: Path, tiny_bert: Path
) -> None:
    command = _command(tmp_path, tiny_bert)
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert process.stdout is not None
    seen: list[str] = []
    for line in process.stdout:
        seen.append(line)
        if json.loads(line)["event"] == "trial":
            break
    process.send_signal(number)
    rest, errors = process.communicate(timeout=_DEADLINE_S)
    assert process.returncode == code
    assert "run the same command again to continue" in errors
    assert "Traceback" not in errors
    before = {event["trial"] for event in _events([*seen, *rest.splitlines()]) if event["event"] == "trial"}
    again = subprocess.run(
        [*command, "--max-trials", "2"], check=True, capture_output=True, text=True, timeout=2 * _DEADLINE_S
    ).stdout
    events = _events(again.splitlines())
    assert any(event["event"] == "continued" for event in events)
    assert events[-1]["event"] == "verdict"
    assert not before & {event["trial"] for event in events if event["event"] == "trial"}


def test_signal_while_libraries_are_loading_ends_at_once(tmp_path: Path, tiny_bert: Path) -> None:
    process = subprocess.Popen(
        [one for one in _command(tmp_path, tiny_bert) if one != "--json"], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    assert "loading torch" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=_DEADLINE_S)
    assert process.returncode == 130
    assert "Traceback" not in errors
