"""The trials of the studies: asked for, leased to workers, finished or failed, inside a transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection, insert, or_, select, update

from darse.errors import StaleLeaseError, StoreError
from darse.store.protocol import Lease
from darse.store.records import TrialRow, are_numbered
from darse.store.schema import ASKS, TRIALS
from darse.store.seal import DamagedError, sealed, unsealed
from darse.store.studies import lock_ledger, read_study, write_study
from darse.store.trial import Outcome, Trial, TrialSpec

_IDS_PER_QUERY = 500


def enqueue(connection: Connection, study: str, specs: Sequence[TrialSpec]) -> tuple[str, ...]:
    """Add trials to a study, once each, and return their ids in the order of the specs.

    The ledger is locked first, so that two studies cannot add the same trial at the same moment.
    """
    lock_ledger(connection)
    row = read_study(connection, study, for_update=True)
    ids = tuple(spec.id(row.record.context) for spec in specs)
    wanted = dict(zip(ids, specs, strict=True))
    asked = _asked_trials(connection, study, wanted)
    new = [trial for trial in wanted if trial not in asked]
    known = _known_trials(connection, new)
    trials = [TrialRow(trial, row.record.context, wanted[trial]).columns() for trial in new if trial not in known]
    asks = [
        sealed(ASKS, {"study": study, "ordinal": ordinal, "trial": trial})
        for ordinal, trial in enumerate(new, start=row.asked)
    ]
    if trials:
        connection.execute(insert(TRIALS), trials)
    if asks:
        connection.execute(insert(ASKS), asks)
        write_study(connection, replace(row, asked=row.asked + len(asks)))
    return ids


def claim(
    connection: Connection, study: str, worker: str, *, now: float, lease_s: float, trial: str | None = None
) -> Lease | None:
    """Lease the first waiting trial of a study (or the named one, if it waits); None if there is none."""
    query = (
        select(TRIALS)
        .join(ASKS, ASKS.c.trial == TRIALS.c.id)
        .where(ASKS.c.study == study, TRIALS.c.state == "queued")
        .where(or_(TRIALS.c.expires.is_(None), TRIALS.c.expires <= now))
        .order_by(ASKS.c.ordinal)
        .limit(1)
        .with_for_update(of=TRIALS, skip_locked=True)
    )
    query = query if trial is None else query.where(TRIALS.c.id == trial)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        return None
    waiting = TrialRow.read(row)
    lease = Lease(waiting.id, waiting.spec, worker, waiting.token + 1, float(now + lease_s))
    _replace(connection, waiting, replace(waiting, token=lease.token, worker=worker, expires=lease.expires))
    return lease


def renew(connection: Connection, lease: Lease, *, now: float, lease_s: float) -> Lease:
    """Prolong a lease that nobody has outbid."""
    held = _held(connection, lease)
    renewed = replace(lease, expires=float(now + lease_s))
    _replace(connection, held, replace(held, expires=renewed.expires))
    return renewed


def finish(connection: Connection, lease: Lease, outcome: Outcome, *, now: float) -> Trial:
    """Store an outcome under a lease that nobody has outbid."""
    held = _held(connection, lease)
    _replace(connection, held, held.finished(outcome, now=now))
    row = connection.execute(select(TRIALS).where(TRIALS.c.id == lease.trial)).mappings().one()
    return TrialRow.read(row).as_trial()


def fail(connection: Connection, lease: Lease, reason: str, *, now: float, seconds: float) -> None:
    """Mark a trial as failed for good under a lease that nobody has outbid."""
    held = _held(connection, lease)
    _replace(connection, held, held.failed(reason, now=now, seconds=seconds))


def release(connection: Connection, lease: Lease) -> None:
    """Give a trial back to the queue; its token grows, so that nothing can be written under the old lease."""
    held = _held(connection, lease)
    _replace(connection, held, replace(held, token=held.token + 1, expires=None))


def read_trials(connection: Connection, study: str) -> Sequence[TrialRow]:
    """All trials of a study in the order in which it asked for them, each verified and none missing."""
    asked = read_study(connection, study).asked
    asks = _asks(connection, study, asked)
    query = select(TRIALS).join(ASKS, ASKS.c.trial == TRIALS.c.id).where(ASKS.c.study == study)
    rows = {row.id: row for row in map(TrialRow.read, connection.execute(query).mappings())}
    missing = [str(ask["trial"]) for ask in asks if ask["trial"] not in rows]
    if missing:
        raise DamagedError(f"trial {missing[0]} of study {study} is gone")
    return [rows[str(ask["trial"])] for ask in asks]


def _asks(connection: Connection, study: str, expected: int) -> Sequence[Mapping[str, object]]:
    """What a study asked for, in order, verified and complete."""
    query = select(ASKS).where(ASKS.c.study == study).order_by(ASKS.c.ordinal)
    asks = [
        unsealed(ASKS, row, f"trial {row[ASKS.c.ordinal]} of study {study}")
        for row in connection.execute(query).mappings()
    ]
    if not are_numbered([ask["ordinal"] for ask in asks], expected):
        raise DamagedError(f"{len(asks)} of {expected} trials of study {study} are left")
    return asks


def _asked_trials(connection: Connection, study: str, trials: Iterable[str]) -> set[str]:
    """Which of the trials a study has asked for already."""
    asked: set[str] = set()
    for some in _portions(trials):
        query = select(ASKS).where(ASKS.c.study == study, ASKS.c.trial.in_(some))
        rows = connection.execute(query).mappings()
        asked.update(str(unsealed(ASKS, row, f"trial {row[ASKS.c.ordinal]} of study {study}")["trial"]) for row in rows)
    return asked


def _known_trials(connection: Connection, trials: Iterable[str]) -> set[str]:
    """Which of the trials the store has already, from any study."""
    known: set[str] = set()
    for some in _portions(trials):
        rows = connection.execute(select(TRIALS).where(TRIALS.c.id.in_(some))).mappings()
        known.update(TrialRow.read(row).id for row in rows)
    return known


def _portions(trials: Iterable[str]) -> Iterator[list[str]]:
    """The names in portions that every database takes in one query."""
    names = list(trials)
    return (names[start : start + _IDS_PER_QUERY] for start in range(0, len(names), _IDS_PER_QUERY))


def _held(connection: Connection, lease: Lease) -> TrialRow:
    """The trial of a lease that is still the newest.

    Raises:
        StaleLeaseError: It is not.
    """
    query = select(TRIALS).where(TRIALS.c.id == lease.trial).with_for_update()
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise StoreError(f"the store has no trial {lease.trial}; the lease belongs to another store")
    trial = TrialRow.read(row)
    if trial.state != "queued" or trial.token != lease.token:
        raise _stale(lease, f"{trial.state} with token {trial.token}, last held by {trial.worker}")
    return trial


def _replace(connection: Connection, old: TrialRow, new: TrialRow) -> None:
    """Write a trial in one statement that does nothing if its token has grown or it has ended.

    Raises:
        StaleLeaseError: Nothing was written.
    """
    is_unchanged = (TRIALS.c.id == old.id) & (TRIALS.c.token == old.token) & (TRIALS.c.state == "queued")
    if connection.execute(update(TRIALS).where(is_unchanged).values(new.columns())).rowcount != 1:
        raise _stale(Lease(old.id, old.spec, old.worker, old.token, 0.0), "changed meanwhile")


def _stale(lease: Lease, state: str) -> StaleLeaseError:
    return StaleLeaseError(
        f"trial {lease.trial} is {state}, so {lease.worker} (token {lease.token}) may not write it; claim another trial"
    )
