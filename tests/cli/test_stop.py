"""Ctrl-C and SIGTERM: when they end a command, and what it then says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from darse.cli.stop import stopping_cleanly
from darse.data.write import write_rows
from darse.errors import Interrupted
from tests.conftest import SmallStudy
from tests.labelled import labelled_rows

_DEADLINE_S = 60.0


def _signal() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_signal_ends_at_once_what_nobody_watches() -> None:
    with stopping_cleanly("what to do"), pytest.raises(Interrupted) as caught:
        _signal()
    assert (caught.value.exit_code, caught.value.advice) == (143, "what to do")


def test_a_signal_waits_for_the_next_check_of_what_is_watched_and_a_second_one_does_not() -> None:
    with stopping_cleanly() as stop:
        stop.is_patient = True
        _signal()
        with pytest.raises(Interrupted):
            stop.check()
        with pytest.raises(Interrupted):
            _signal()


def _stopped(arguments: Sequence[str], told: bytes) -> tuple[int, str]:
    """Exit code and last words of a command that gets Ctrl-C as soon as it has said something."""
    command = [sys.executable, "-u", "-c", "from darse.cli import main; main()", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stderr is not None
    before = [process.stderr.readline()]
    while before[-1] and told not in before[-1]:
        before.append(process.stderr.readline())
    assert before[-1], before
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=_DEADLINE_S)
    return process.returncode, errors.decode()


def test_a_stopped_score_leaves_no_result_and_is_continued_by_the_same_command(
    small_study: SmallStudy, tmp_path: Path
) -> None:
    write_rows(tmp_path / "in.csv", ["text"], [{"text": f"good {number}"} for number in range(20_000)])
    arguments = [
        "score",
        str(small_study.folder / "adapter"),
        str(tmp_path / "in.csv"),
        "-o",
        str(tmp_path / "out.csv"),
    ]
    code, said = _stopped(arguments, b"columns: ")
    assert (code, said) == (130, "darse: stopped by Ctrl-C; run the same command again to continue\n")
    assert {path.name for path in tmp_path.iterdir()} <= {"in.csv", ".out.csv.scoring"}


def test_a_stopped_dry_run_has_nothing_to_continue(tiny_bert: Path, tmp_path: Path) -> None:
    rows = labelled_rows(60)
    write_rows(tmp_path / "in.csv", list(rows[0]), rows)
    arguments = ["explore", str(tmp_path / "in.csv"), "--model", str(tiny_bert), "--dry-run"]
    code, said = _stopped(arguments, b"loading torch")
    assert (code, said) == (130, "darse: stopped by Ctrl-C\n")
