"""R9, R10 and R11: many processes on one store."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

from darse.errors import StaleLeaseError
from darse.store.open import open_store
from darse.store.protocol import Lease, Store

from ..samples import STUDY, a_record, a_spec, an_outcome, claimed, dump
from .forks import Result, note, notes, run_together

_SEED = 11
Place = Path | str
"""A SQLite file, or the address of a database server."""


def write_and_read_by_many(
    folder: Path, *, writers: int, rows: int, readers: int, place: Place | None = None
) -> Result:
    """Writers finish trials in a store that they all make at once, while readers read; R9.

    Args:
        folder: An empty one.
        writers: Processes that write.
        rows: Of each writer.
        readers: Processes that read.
        place: Of the store; a file in the folder by default, here and below.
    """
    place, report = place or folder / "store.db", folder / "done.txt"
    jobs = [
        *(partial(_write, place, report, range(rows * writer, rows * (writer + 1))) for writer in range(writers)),
        *(partial(_read_while_written, place, report, rows * writers) for _ in range(readers)),
    ]
    codes = run_together(jobs)
    with open_store(place) as store:
        found = Counter(trial.outcome.score for trial in store.trials(STUDY))
    problems = [f"process {number} ended with {code}" for number, code in enumerate(codes) if code]
    if found != Counter(an_outcome(number).score for number in range(rows * writers)):
        problems.append(f"{found.total()} rows, {len(found)} different, instead of {rows * writers}")
    figure = f"{found.total()} rows, {sum(map(bool, codes))} processes with an error"
    what = f"{writers} writers x {rows} rows with {readers} readers"
    return Result("R9", what, figure, f"exactly {rows * writers} rows, no error", problems)


def claim_by_many(folder: Path, *, workers: int, trials: int, place: Place | None = None) -> Result:
    """Workers claim until nothing is left; R10."""
    place, report = place or folder / "store.db", folder / "claimed.txt"
    with open_store(place) as store:
        store.register_study(a_record())
        ids = store.enqueue(STUDY, [a_spec(number) for number in range(trials)])
    codes = run_together([partial(_claim_all, place, report, worker) for worker in range(workers)])
    claims = Counter(notes(report))
    problems = [f"process {number} ended with {code}" for number, code in enumerate(codes) if code]
    problems += [f"trial {trial} was claimed {claims[trial]} times" for trial in ids if claims[trial] != 1]
    figure = f"{claims.total()} claims of {len(claims)} trials"
    return Result("R10", f"{workers} processes claim {trials} trials", figure, "each once", problems)


def take_over_from_stopped_workers(folder: Path, *, times: int, place: Place | None = None) -> Result:
    """Stop a worker past its lease, let another one take over, continue the first; R11."""
    place = place or folder / "store.db"
    open_store(place).close()
    problems: list[str] = []
    chance = random.Random(_SEED)
    for number in range(times):
        late = chance.choice([_finish_late, _fail_late, _renew_late, _release_late])
        is_finished_before = chance.random() < 0.5
        problems += _take_over(place, number, late, is_finished_before=is_finished_before)
    figure = f"{len(problems)} stale overwrites in {times}"
    return Result("R11", "a worker stopped past its lease, then continued", figure, "0", problems)


def _write(place: Place, report: Path, numbers: range) -> None:
    with open_store(place) as store:
        store.register_study(a_record())
        for number in numbers:
            store.finish(claimed(store, number), an_outcome(number), now=2.0)
            note(report, str(number))


def _read_while_written(place: Place, report: Path, total: int) -> None:
    seen = 0
    with open_store(place) as store:
        store.register_study(a_record())
        while seen < total:
            before = len(notes(report))
            trials = store.trials(STUDY)
            if len(trials) < max(seen, before):
                raise AssertionError(f"{len(trials)} trials after {max(seen, before)}")
            seen = len(trials)


def _claim_all(place: Place, report: Path, worker: int) -> None:
    with open_store(place) as store:
        while lease := store.claim(STUDY, f"worker {worker}", now=1.0, lease_s=60.0):
            note(report, lease.trial)


def _take_over(
    place: Place, number: int, late: Callable[[Store, Lease], None], *, is_finished_before: bool
) -> list[str]:
    """One stopped worker; every way in which its late write was not refused."""
    child = os.fork()
    if child == 0:
        _work_late(place, number, late)
    os.waitpid(child, os.WUNTRACED)
    with open_store(place) as store:
        (trial,) = store.enqueue(STUDY, [a_spec(number)])
        lease = store.claim(STUDY, "second", now=50.0, lease_s=10.0, trial=trial)
        if lease is None:
            return [f"{number}: the trial was not claimable after its lease"]
        if is_finished_before:
            store.finish(lease, an_outcome(number), now=51.0)
    before = dump(place)
    os.kill(child, signal.SIGCONT)
    _, status = os.waitpid(child, 0)
    problems = [] if status == 0 else [f"{number}: {late.__name__} was not refused"]
    if dump(place) != before:
        problems.append(f"{number}: {late.__name__} changed a row")
    with open_store(place) as store:
        if not is_finished_before:
            store.finish(lease, an_outcome(number), now=52.0)
        if store.trials(STUDY)[-1].outcome != an_outcome(number):
            problems.append(f"{number}: another outcome was stored")
    return problems


def _work_late(place: Place, number: int, late: Callable[[Store, Lease], None]) -> None:
    """Claim, stop, and write once continued; exit code 0 if that was refused."""
    code = 1
    try:
        store = open_store(place)
        store.register_study(a_record())
        lease = claimed(store, number, now=1.0)
        os.kill(os.getpid(), signal.SIGSTOP)
        late(store, lease)
        code = 0
    finally:
        os._exit(code)


def _finish_late(store: Store, lease: Lease) -> None:
    _must_be_stale(lambda: store.finish(lease, an_outcome(999), now=60.0))


def _fail_late(store: Store, lease: Lease) -> None:
    _must_be_stale(lambda: store.fail(lease, "late", now=60.0))


def _renew_late(store: Store, lease: Lease) -> None:
    _must_be_stale(lambda: store.renew(lease, now=60.0, lease_s=1000.0))


def _release_late(store: Store, lease: Lease) -> None:
    store.release(lease)


def _must_be_stale(write: Callable[[], object]) -> None:
    try:
        write()
    except StaleLeaseError:
        return
    raise AssertionError("a stale write was accepted")
