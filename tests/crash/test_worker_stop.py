"""R11 for a whole worker: stopped past its lease and continued, it takes the other's result and writes nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from darse.store.open import open_store
from darse.store.protocol import StudyRecord
from darse.store.trial import Outcome

from .stopped_worker import DEADLINE_S, STUDY

ROOT = Path(__file__).parents[2]
THEIRS = Outcome(2.0, {}, "theirs")


def wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("kind", ["ask", "end"])
def test_a_worker_stopped_past_its_lease_takes_the_others_result(kind: str, tmp_path: Path) -> None:
    with open_store(tmp_path / "study.db") as store:
        store.register_study(StudyRecord(STUDY, "s", "c", {}, 0.0))

        command = [sys.executable, "-m", "tests.crash.stopped_worker", str(tmp_path), kind]
        worker = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        wait_for((tmp_path / "begun").exists)
        worker.send_signal(signal.SIGSTOP)
        wait_for(lambda: store.leases(STUDY)[0].expires < time.time())
        lease = store.claim(STUDY, "elsewhere:1:2:3", now=time.time(), lease_s=DEADLINE_S)
        assert lease is not None
        trial = store.finish(lease, THEIRS, now=time.time())
        (tmp_path / "go").touch()
        worker.send_signal(signal.SIGCONT)
        printed, _ = worker.communicate(timeout=DEADLINE_S)
        assert (worker.returncode, printed) == (0, "2.0\n")
        assert store.trials(STUDY) == [trial]
        assert not (tmp_path / "passed").exists(), "the first check after the pause says so"
