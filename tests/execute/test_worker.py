"""Names of workers tell the living from the dead, on this machine alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from darse.execute.worker import is_dead, worker_name


def a_process() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)


def test_this_process_lives_and_keeps_its_name() -> None:
    assert worker_name() == worker_name(os.getpid())
    assert not is_dead(worker_name())


def test_another_process_lives_until_it_ends_also_before_its_parent_asks() -> None:
    process = a_process()
    name = worker_name(process.pid)
    assert not is_dead(name)
    process.kill()
    # wait without reaping: the process stays a zombie
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert is_dead(name)
    process.communicate()
    assert is_dead(name)


def test_a_number_that_is_used_again_is_another_worker() -> None:
    assert is_dead(worker_name().rpartition(":")[0] + ":1")


@pytest.mark.parametrize("name", ["", "worker", "other:1:2:3", "a:b", ":::", "elsewhere:4026531836:1:77"])
def test_workers_of_other_machines_and_strange_names_are_never_known_to_be_dead(name: str) -> None:
    assert not is_dead(name)


def test_a_name_with_a_strange_number_is_not_known_to_be_dead() -> None:
    machine = worker_name().rpartition(":")[0].rpartition(":")[0]
    for number in ("x", "", "-1", "１"):
        assert not is_dead(f"{machine}:{number}:1")


def test_without_proc_a_living_process_is_not_taken_for_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(path: Path) -> str:
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", missing)
    machine = worker_name().rpartition(":")[0].rpartition(":")[0]
    assert worker_name().endswith(":unknown")
    assert not is_dead(f"{machine}:{os.getpid()}:unknown")
    assert not is_dead(f"{machine}:1:unknown"), "the first process may not be asked, but it is there"
    process = a_process()
    assert not is_dead(f"{machine}:{process.pid}:unknown")
    process.kill()
    process.communicate()
    assert is_dead(f"{machine}:{process.pid}:unknown")
