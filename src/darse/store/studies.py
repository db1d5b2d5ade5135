"""Studies, their findings and their events: reading and writing inside a transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import get_args

from sqlalchemy import Connection, insert, select, update

from darse.errors import StoreError
from darse.store.bodies import LedgerBody, StudyState, read_body
from darse.store.protocol import Event, StudyRecord
from darse.store.records import StudyRow, are_numbered, event_columns, read_event
from darse.store.schema import EVENTS, FINDINGS, LEDGER, LEDGER_ID, STUDIES
from darse.store.seal import DamagedError, canonical, checked_key, sealed, unsealed

STATES = get_args(StudyState)


def create_ledger(connection: Connection) -> None:
    """Start counting the studies of a new store."""
    connection.execute(insert(LEDGER).values(_ledger_columns(studies=0)))


def register_study(connection: Connection, record: StudyRecord) -> StudyRecord:
    """Add a study, or return the one already there under its id."""
    checked_key(record.id, "study")
    _check_state(record.state)
    count = lock_ledger(connection)
    row = connection.execute(select(STUDIES).where(STUDIES.c.id == record.id)).mappings().one_or_none()
    if row is not None:
        return StudyRow.read(row).record
    connection.execute(insert(STUDIES).values(StudyRow(record).columns()))
    connection.execute(update(LEDGER).values(_ledger_columns(studies=count + 1)))
    return read_study(connection, record.id).record


def all_studies(connection: Connection) -> Sequence[StudyRecord]:
    """All studies, oldest first."""
    count = _read_ledger(connection)
    records = [StudyRow.read(row).record for row in connection.execute(select(STUDIES)).mappings()]
    if len(records) != count:
        raise DamagedError(f"{len(records)} of {count} studies are left")
    return sorted(records, key=lambda record: (record.created, record.id))


def set_study_state(connection: Connection, study: str, state: str) -> None:
    """Mark a study as running, finished or stopped."""
    _check_state(state)
    row = read_study(connection, study, for_update=True)
    write_study(connection, replace(row, record=replace(row.record, state=state)))


def read_study(connection: Connection, study: str, *, for_update: bool = False) -> StudyRow:
    """A study and the numbers of its rows.

    Args:
        connection: Inside a transaction.
        study: Its id.
        for_update: Keep others from changing it until the transaction ends.

    Raises:
        StoreError: There is no such study.
    """
    query = select(STUDIES).where(STUDIES.c.id == checked_key(study, "study"))
    row = connection.execute(query.with_for_update() if for_update else query).mappings().one_or_none()
    if row is None:
        raise StoreError(f"the store has no study {study}; open it first")
    return StudyRow.read(row)


def write_study(connection: Connection, row: StudyRow) -> None:
    """Replace a study's row."""
    connection.execute(update(STUDIES).where(STUDIES.c.id == row.record.id).values(row.columns()))


def lock_ledger(connection: Connection) -> int:
    """Keep others from adding studies or trials until the transaction ends; returns the number of studies."""
    return _read_ledger(connection, for_update=True)


def put_finding(connection: Connection, study: str, stage: str, finding: Mapping[str, object]) -> None:
    """Keep a stage's finding; a later one replaces it."""
    row = read_study(connection, study, for_update=True)
    body = canonical(dict(finding), f"the finding of {stage}")
    columns = sealed(FINDINGS, {"study": study, "stage": checked_key(stage, "stage"), "body": body})
    is_this = (FINDINGS.c.study == study) & (FINDINGS.c.stage == stage)
    if connection.execute(update(FINDINGS).where(is_this).values(columns)).rowcount == 0:
        connection.execute(insert(FINDINGS).values(columns))
        write_study(connection, replace(row, findings=row.findings + 1))


def read_findings(connection: Connection, study: str) -> Mapping[str, Mapping[str, object]]:
    """The findings of a study by stage."""
    expected = read_study(connection, study).findings
    query = select(FINDINGS).where(FINDINGS.c.study == study).order_by(FINDINGS.c.stage)
    findings: dict[str, Mapping[str, object]] = {}
    for row in connection.execute(query).mappings():
        columns = unsealed(FINDINGS, row, f"the finding of {row[FINDINGS.c.stage]}")
        finding = json.loads(str(columns["body"]))
        if not isinstance(finding, dict):
            raise DamagedError(f"the finding of {columns['stage']} is no table")
        findings[str(columns["stage"])] = finding
    if len(findings) != expected:
        raise DamagedError(f"{len(findings)} of {expected} findings of study {study} are left")
    return findings


def add_event(connection: Connection, study: str, event: Event) -> None:
    """Append an event."""
    row = read_study(connection, study, for_update=True)
    connection.execute(insert(EVENTS).values(event_columns(study, row.events, event)))
    write_study(connection, replace(row, events=row.events + 1))


def read_events(connection: Connection, study: str) -> Sequence[Event]:
    """The events of a study in the order in which they were added."""
    expected = read_study(connection, study).events
    query = select(EVENTS).where(EVENTS.c.study == study).order_by(EVENTS.c.ordinal)
    rows = connection.execute(query).mappings().all()
    if not are_numbered([row[EVENTS.c.ordinal] for row in rows], expected):
        raise DamagedError(f"{len(rows)} of {expected} events of study {study} are left")
    return [read_event(row) for row in rows]


def _ledger_columns(*, studies: int) -> dict[str, object]:
    return sealed(LEDGER, {"id": LEDGER_ID, "body": canonical({"studies": studies}, "the ledger")})


def _read_ledger(connection: Connection, *, for_update: bool = False) -> int:
    query = select(LEDGER).where(LEDGER.c.id == LEDGER_ID)
    row = connection.execute(query.with_for_update() if for_update else query).mappings().one_or_none()
    if row is None:
        raise DamagedError("the count of studies is gone")
    name = "the count of studies"
    return read_body(LedgerBody, unsealed(LEDGER, row, name)["body"], name).studies


def _check_state(state: str) -> None:
    if state not in STATES:
        raise StoreError(f"a study cannot be {state!r}; use one of {', '.join(STATES)}")
