"""Studies, specs and outcomes for the tests of a store, and everything a store says about itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from sqlalchemy import MetaData, NullPool, create_engine, select

from darse.ranks.plan import RankPlan
from darse.store.protocol import Event, Lease, Store, StudyRecord
from darse.store.trial import CurvePoint, Outcome, TrialSpec

STUDY = "5" * 64
OTHER_STUDY = "7" * 64
CONTEXT = "c" * 64


def a_record(study: str = STUDY, *, context: str = CONTEXT, created: float = 1000.25) -> StudyRecord:
    settings = {"seeds": 3, "rates": [0.1, 1e-300, 1 / 3], "label_map": {"gut": "positive"}, "budget": None}
    return StudyRecord(id=study, name="Grüße, 市場", context=context, settings=settings, created=created)


def a_spec(number: int, *, seed: int = 0) -> TrialSpec:
    return TrialSpec(RankPlan((0, 4, number)), seed=seed, learning_rate=1e-3 / 3, epochs=3)


def an_outcome(number: int = 0) -> Outcome:
    points = tuple(CurvePoint(epoch, 0.7 / epoch, 0.1 + number) for epoch in (1, 2))
    return Outcome(
        score=0.1 + number,
        metrics={"accuracy": 2 / 3, "mse": 5e-324},
        losses=f"{number:064x}",
        curve=points,
        artifacts={"weights": f"{number + 1:064x}"},
        seconds=1.5,
    )


def claimed(store: Store, number: int, *, study: str = STUDY, worker: str = "worker", now: float = 1.0) -> Lease:
    """A lease of 10 s on the trial of a number, which the study asks for if it has not yet."""
    (trial,) = store.enqueue(study, [a_spec(number)])
    lease = store.claim(study, worker, now=now, lease_s=10.0, trial=trial)
    assert lease is not None
    return lease


def fill(store: Store, *, trials: int = 12) -> None:
    """Two studies with finished, failed, leased and waiting trials, findings, events and artifacts."""
    for study, created in ((STUDY, 1000.25), (OTHER_STUDY, 2000.5)):
        store.register_study(a_record(study, created=created))
        store.add_event(study, Event(created, "started", {"pid": 1}))
    store.enqueue(STUDY, [a_spec(number) for number in range(trials)])
    store.enqueue(OTHER_STUDY, [a_spec(number) for number in range(trials // 2)])
    for number in range(trials - 3):
        store.finish(claimed(store, number), an_outcome(number), now=2.0)
    store.fail(claimed(store, trials - 3), "the loss became infinite", now=3.0)
    claimed(store, trials - 2)
    store.put_finding(STUDY, "coarse", {"low": 4, "high": 16, "noise": 0.012345678901234567})
    store.put_finding(STUDY, "fine", {"rank": 8})
    store.put_finding(STUDY, "fine", {"rank": 6})
    store.set_study_state(OTHER_STUDY, "stopped")
    store.put_artifact(b"weights" * 100)
    store.add_event(STUDY, Event(3.0, "note", {"text": "last"}))


def said(spec: TrialSpec) -> dict[str, object]:
    """A spec as the frozen samples have it."""
    return {**spec.as_json(), "plan": asdict(spec.plan)}


READS: dict[str, Callable[[Store], object]] = {
    "studies": lambda store: [asdict(record) for record in store.studies()],
    **{
        f"{name} of {study[0]}": read
        for study in (STUDY, OTHER_STUDY)
        for name, read in {
            "trials": lambda store, study=study: [
                {**asdict(one), "spec": said(one.spec)} for one in store.trials(study)
            ],
            "failures": lambda store, study=study: [(said(one.spec), one.reason) for one in store.failures(study)],
            "leases": lambda store, study=study: [
                {**asdict(one), "spec": said(one.spec)} for one in store.leases(study)
            ],
            "failed ids": lambda store, study=study: sorted(store.failed_ids(study)),
            "findings": lambda store, study=study: store.findings(study),
            "events": lambda store, study=study: [asdict(event) for event in store.events(study)],
        }.items()
    },
}
"""Every read of a filled store by name, as plain values."""


def contents(store: Store) -> dict[str, object]:
    """Everything that a filled store says through its seam."""
    return {name: read(store) for name, read in READS.items()}


def dump(place: Path | str) -> dict[str, list[object]]:
    """Every row of every table of a store, a SQLite file or a server's address, past the store's own code."""
    if isinstance(place, str):
        return _dump_server(place)
    with closing(sqlite3.connect(place)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: sorted(connection.execute(f'SELECT * FROM "{name}"'), key=repr) for name in names}


def _dump_server(address: str) -> dict[str, list[object]]:
    tables = MetaData()
    with create_engine(address, poolclass=NullPool).connect() as connection:
        tables.reflect(connection)
        return {
            name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for name, table in tables.tables.items()
        }
