"""Searches that are killed at random moments and started again, and what that cost."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from darse.store.open import open_store

from .fast_search import STUDY

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 120.0
_POLL_S = 0.002


@dataclass
class Toll:
    """What some kills cost.

    Attributes:
        kills: How many hit a living search.
        evaluations: How often a trial was evaluated.
        lost: Trials whose outcome was stored and is gone.
        twice: Trials that were evaluated again after their outcome was stored.
        left: Most leases of dead workers that were left when a search had started again.
        waits: Seconds from each start to its first new trial.
        differences: Searches whose findings or trials differ from an uninterrupted search.
    """

    kills: int = 0
    evaluations: int = 0
    lost: int = 0
    twice: int = 0
    left: int = 0
    waits: list[float] = field(default_factory=list)
    differences: int = 0


def uninterrupted(folder: Path) -> str:
    """What a search prints that nobody disturbs."""
    folder.mkdir()
    return _finish(_start(folder))


def kill_searches(folder: Path, kills: int, *, seed: int, expected: str) -> Toll:
    """Kill searches, one after the other, each as often as it lives, until there were enough kills."""
    folder.mkdir()
    toll, draws, number = Toll(), random.Random(seed), 0
    while toll.kills < kills:
        number += 1
        _kill_one_search(folder / str(number), kills, draws, toll, expected)
    return toll


def _kill_one_search(folder: Path, kills: int, draws: random.Random, toll: Toll, expected: str) -> None:
    folder.mkdir()
    while True:
        log = _log(folder)
        began, process = time.time(), _start(folder)
        is_killed = toll.kills < kills and _kill_somewhere(process, folder, len(log), draws)
        printed = "" if is_killed else _finish(process)
        process.wait()
        toll.kills += is_killed
        _count(toll, log, _log(folder), began)
        _count_lost(toll, folder)
        if not is_killed:
            toll.differences += printed != expected
            return


def _kill_somewhere(process: subprocess.Popen[str], folder: Path, lines: int, draws: random.Random) -> bool:
    """Kill once some more lines are in the log and a moment has passed; False if the search ended before."""
    wanted, moment = lines + draws.choice((0, 0, 1, 2, 5, 10, 20)), draws.uniform(0, 0.05)
    if wanted == lines:
        moment = draws.uniform(0, 1.0)
    deadline = time.monotonic() + DEADLINE_S
    while len(_log(folder)) < wanted and process.poll() is None:
        assert time.monotonic() < deadline, "the search does not go on"
        _pause(_POLL_S, process)
    _pause(moment, process)
    if process.poll() is not None:
        return False
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def _pause(seconds: float, process: subprocess.Popen[str]) -> None:
    """Wait for a moment, or until the process ends."""
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return


def _start(folder: Path) -> subprocess.Popen[str]:
    with (folder / "printed").open("w") as printed:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.search.fast_search", str(folder)], cwd=ROOT, stdout=printed, text=True
        )


def _finish(process: subprocess.Popen[str]) -> str:
    folder = Path(str(process.args[-1])) if isinstance(process.args, Sequence) else Path()
    assert process.wait(timeout=DEADLINE_S) == 0, "the search failed"
    return (folder / "printed").read_text()


def _log(folder: Path) -> list[list[str]]:
    """The whole lines of the log; one that a kill cut off was never acted on."""
    path = folder / "log"
    text = path.read_text() if path.exists() else ""
    return [line.split() for line in text[: text.rfind("\n") + 1].splitlines()]


def _count(toll: Toll, before: list[list[str]], after: list[list[str]], began: float) -> None:
    done = {line[1] for line in before if line[0] == "done"}
    fresh = after[len(before) :]
    starts = [line for line in fresh if line[0] == "start"]
    toll.evaluations += len(starts)
    if starts:
        toll.waits.append(float(starts[0][2]) - began)
    for line in fresh:
        if line[0] == "start":
            toll.left = max(toll.left, int(line[3]))
            toll.twice += line[1] in done
        else:
            done.add(line[1])


def _count_lost(toll: Toll, folder: Path) -> None:
    done = {line[1] for line in _log(folder) if line[0] == "done"}
    if not done:
        return
    with open_store(folder / "study.db") as store:
        toll.lost += len(done - {trial.id for trial in store.trials(STUDY)})


def trials_in(printed: str) -> int:
    """How many trials a search ended with."""
    return len(json.loads(printed)["table"])
