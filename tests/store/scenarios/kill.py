"""R3: a store whose process is killed at every durable step has the old or the new state, never a mixture.

Two kinds of kills. At a step: a child kills itself with SIGKILL at every SQL statement, every few instructions
of SQLite's machine, and before and after every fsync, rename, link, unlink, mkdir and rmdir. In a write: the kernel
ends the child when a file would grow past a limit, which tears a write of SQLite's log, or of the file itself while
the log is folded into it.
"""

from __future__ import annotations

import functools
import os
import resource
import shutil
import signal
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import alembic.command  # noqa: F401 - once here, not in every child

from darse.store.open import open_store
from darse.store.protocol import Event, Lease, Store

from ..future import future_migrations
from ..samples import OTHER_STUDY, STUDY, a_record, a_spec, an_outcome, claimed, dump, fill
from .forks import Result, run_alone

_INSTRUCTIONS = 60
_TORN_BYTES = 700
_SYSTEM_CALLS = ("fsync", "replace", "rename", "link", "unlink", "mkdir", "rmdir")
Arm = Callable[[], None]
Action = Callable[[Store, Lease], object]


@dataclass(frozen=True)
class Case:
    """Something that is killed.

    Attributes:
        name: What it is.
        run: Does it in a folder; calls its last argument where the killing may begin.
        is_acknowledged: Whether the new state was promised before the killing begins.
    """

    name: str
    run: Callable[[Path, Lease, Arm], object]
    is_acknowledged: bool = False


class Killer:
    """Kills its own process, at the n-th step or when a file grows past n times a few hundred bytes."""

    def __init__(self, kind: str, position: int) -> None:
        self._kind = kind
        self._left = position if kind == "step" else -1
        self._bytes = position * _TORN_BYTES
        self._is_armed = False

    def watch(self) -> None:
        """Be told of every step from here on; nothing is killed before `arm`."""
        if self._kind == "step":
            sqlite3.connect = self._watched_connect(sqlite3.connect)  # type: ignore[assignment]
            for name in _SYSTEM_CALLS:
                setattr(os, name, self._watched_call(getattr(os, name)))

    def arm(self) -> None:
        """Begin to kill."""
        self._is_armed = True
        if self._kind == "write":
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_FSIZE, (self._bytes, resource.RLIM_INFINITY))

    def _step(self) -> int:
        if self._is_armed:
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            self._left -= 1
        return 0

    def _watched_connect(self, connect: Callable[..., sqlite3.Connection]) -> Callable[..., sqlite3.Connection]:
        def watched(*arguments: object, **options: object) -> sqlite3.Connection:
            connection = connect(*arguments, **options)
            connection.set_trace_callback(lambda statement: self._step() and None)
            connection.set_progress_handler(self._step, _INSTRUCTIONS)
            return connection

        return watched

    def _watched_call(self, call: Callable[..., object]) -> Callable[..., object]:
        def watched(*arguments: object, **options: object) -> object:
            self._step()
            answer = call(*arguments, **options)
            self._step()
            return answer

        return watched


def kill_everywhere(folder: Path, *, stride: int) -> Result:
    """Kill every action of a store at every `stride`-th step and write; R3."""
    base = folder / "base"
    base.mkdir()
    with open_store(base / "store.db") as store:
        fill(store)
        lease = claimed(store, 20)
    cases = _cases(folder)
    problems: list[str] = []
    kills = 0
    for case in cases:
        run = functools.partial(_run_on_copy, case, base, folder / "copy", lease)
        if run(None) != 0:
            raise RuntimeError(f"{case.name} does not work even without a kill")
        new = _state(folder / "copy")
        allowed = [new] if case.is_acknowledged else [_state(base), new]
        for kind in ("step", "write"):
            position = 0
            while (code := run(Killer(kind, position))) < 0:
                kills += 1
                if _state(folder / "copy") not in allowed:
                    problems.append(f"{case.name}: a mixture after a kill at {kind} {position}")
                position += stride
            if code != 0:
                problems.append(f"{case.name}: exit code {code} at {kind} {position}")
    figure = f"{kills} kills in {len(cases)} actions, {len(problems)} mixtures"
    return Result("R3", "killed at every durable step and in every write", figure, "0 mixtures", problems)


def _cases(folder: Path) -> list[Case]:
    actions: dict[str, Action] = {
        "open a study": lambda store, lease: store.register_study(a_record("9" * 64)),
        "set a state": lambda store, lease: store.set_study_state(STUDY, "finished"),
        "enqueue": lambda store, lease: store.enqueue(OTHER_STUDY, [a_spec(0), a_spec(100), a_spec(101)]),
        "claim": lambda store, lease: store.claim(STUDY, "killed", now=1000.0, lease_s=9.0),
        "renew": lambda store, lease: store.renew(lease, now=5.0, lease_s=9.0),
        "finish": lambda store, lease: store.finish(lease, an_outcome(20), now=5.0),
        "fail": lambda store, lease: store.fail(lease, "reason", now=5.0),
        "release": lambda store, lease: store.release(lease),
        "put a finding": lambda store, lease: store.put_finding(STUDY, "allocate", {"ranks": [1, 2]}),
        "replace a finding": lambda store, lease: store.put_finding(STUDY, "fine", {"rank": 5}),
        "add an event": lambda store, lease: store.add_event(STUDY, Event(4.0, "killed", {})),
        "put an artifact": lambda store, lease: store.put_artifact(b"new weights" * 500),
    }
    return [
        *(Case(name, functools.partial(_act, action)) for name, action in actions.items()),
        Case("close", _close, is_acknowledged=True),
        Case("make a store", _make),
        Case("upgrade", functools.partial(_upgrade, folder / "future")),
    ]


def _act(action: Action, folder: Path, lease: Lease, arm: Arm) -> None:
    store = open_store(folder / "store.db")
    arm()
    action(store, lease)
    os._exit(0)


def _close(folder: Path, lease: Lease, arm: Arm) -> None:
    store = open_store(folder / "store.db")
    store.enqueue(STUDY, [a_spec(200 + number) for number in range(30)])
    arm()
    store.close()


def _make(folder: Path, lease: Lease, arm: Arm) -> None:
    arm()
    open_store(folder / "another.db").close()


def _upgrade(migrations: Path, folder: Path, lease: Lease, arm: Arm) -> None:
    future = future_migrations(migrations)
    arm()
    open_store(folder / "store.db", migrations=future).close()


def _state(folder: Path) -> object:
    """Every row of every database and every artifact, past the store's code, after the store has opened."""
    databases = {path.name: dump(path) for path in sorted(folder.glob("[!.]*.db"))}
    artifacts = {
        path.name: path.read_bytes() for path in folder.glob("*-artifacts/*/[!.]*") if not path.name.startswith(".")
    }
    return databases, artifacts


def _run_on_copy(case: Case, base: Path, folder: Path, lease: Lease, killer: Killer | None) -> int:
    """Run a case in a child on a copy of the base; its exit code, negative if it was killed."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(base, folder)

    def job() -> None:
        if killer is not None:
            killer.watch()
        case.run(folder, lease, killer.arm if killer else lambda: None)

    return run_alone(job)
