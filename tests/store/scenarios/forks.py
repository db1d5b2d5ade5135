"""Jobs to forked child processes, and how each of them ended."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

DEADLINE_S = 240.0
Job = Callable[[], object]


@dataclass(frozen=True)
class Result:
    """What a scenario reached.

    Attributes:
        id: The test's id in the reliability plan.
        what: What was done.
        figure: What was reached.
        target: What has to be reached.
        problems: Every case that missed it.
    """

    id: str
    what: str
    figure: str
    target: str
    problems: list[str] = field(default_factory=list)


def run_together(jobs: Sequence[Job]) -> list[int]:
    """Run jobs in forked children at the same time; their exit codes, negative for a signal."""
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=job) for job in jobs]
    for child in children:
        child.start()
    deadline = time.monotonic() + DEADLINE_S
    return [_exit_code(child, deadline) for child in children]


def run_alone(job: Job) -> int:
    """Run one job in a forked child; its exit code, negative for a signal."""
    return run_together([job])[0]


def note(path: Path, line: str) -> None:
    """Add a line that the parent finds even if this process is killed right after."""
    with path.open("a") as file:
        file.write(line + "\n")


def notes(path: Path) -> list[str]:
    """The lines of all children."""
    return path.read_text().splitlines() if path.exists() else []


def _exit_code(child: multiprocessing.process.BaseProcess, deadline: float) -> int:
    """How a child ended; one that does not is killed, which is an exit code too."""
    child.join(max(0.0, deadline - time.monotonic()))
    if child.exitcode is None:
        child.kill()
        child.join()
    return -signal.SIGKILL if child.exitcode is None else child.exitcode
