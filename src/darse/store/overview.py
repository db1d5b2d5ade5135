"""Studies and their trials to counts, to how far a study is, and to pages of trials, all made by the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import JSON, ColumnElement, Connection, Double, Select, and_, case, cast, func, select

from darse.errors import StoreError
from darse.store.connect import Database
from darse.store.protocol import Event, StudyRecord
from darse.store.records import StudyRow, TrialRow, read_event
from darse.store.schema import ASKS, EVENTS, FINDINGS, STUDIES, TRIALS
from darse.store.seal import DamagedError
from darse.store.studies import read_study

State = Literal["finished", "failed", "waiting", "running"]
_Select = Select[*tuple[Any, ...]]
STATES: tuple[State, ...] = ("finished", "failed", "running", "waiting")
SORTS: Mapping[str, tuple[str, ...]] = {
    "score": ("outcome", "score"),
    "seconds": ("outcome", "seconds"),
    "seed": ("spec", "seed"),
    "rate": ("spec", "learning_rate"),
    "epochs": ("spec", "epochs"),
}
"""What trials can be ordered by, beside the order in which they were asked for, and where their bodies have it."""


@dataclass(frozen=True)
class Head:
    """A study in a list.

    Attributes:
        id: Of the study, as the row has it.
        record: What it is; None if its row is damaged.
        damage: What is wrong with its row; empty if nothing is.
        trials: How many there are in each state.
        verdict: What its last event says that came of it; empty if it says nothing.
    """

    id: str
    record: StudyRecord | None
    damage: str = ""
    trials: Mapping[State, int] = field(default_factory=dict)
    verdict: str = ""


@dataclass(frozen=True)
class Progress:
    """How far a study is.

    Attributes:
        record: The study.
        trials: How many there are in each state.
        best: The lowest score so far; None without one.
        seconds: Of evaluation, those of failed trials left out.
        runs: Finished trials that were trained.
        run_seconds: Seconds of those.
        stage: The stage that began last; empty before the first.
        events: The last ones, newest first.
    """

    record: StudyRecord
    trials: Mapping[State, int]
    best: float | None
    seconds: float
    runs: int
    run_seconds: float
    stage: str
    events: Sequence[Event]


@dataclass(frozen=True)
class Listed:
    """A trial in a list.

    Attributes:
        place: Its number, in the order asked, from 0.
        row: The trial; None if its row is damaged.
        damage: What is wrong with its row; empty if nothing is.
    """

    place: int
    row: TrialRow | None
    damage: str = ""


class Overview:
    """Looks at studies and trials without reading all of them.

    Every method is one transaction, and raises as those of `Store`. A row is checked against its digest where it is
    handed out; what the database counts and orders by is not.

    Args:
        database: Where the rows are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def heads(self, *, now: float, study: str | None = None) -> list[Head]:
        """Every study, oldest first; one whose row is damaged says so, and the others are there all the same.

        Args:
            now: Seconds since 1970 (UTC); a lease that has run out by then runs no longer.
            study: The id of the only one that is wanted, or None.
        """
        wanted = select(STUDIES) if study is None else select(STUDIES).where(STUDIES.c.id == study)
        with self._database.read() as connection:
            counts = _counts(connection, now, study)
            verdicts = _verdicts(connection, study)
            heads = []
            for row in connection.execute(wanted).mappings():
                name = str(row[STUDIES.c.id])
                try:
                    record, damage = StudyRow.read(row).record, ""
                except DamagedError as error:
                    record, damage = None, str(error)
                heads.append(Head(name, record, damage, counts.get(name, {}), verdicts.get(name, "")))
        return sorted(heads, key=lambda head: (head.record.created if head.record else 0.0, head.id))

    def progress(self, study: str, *, now: float, events: int = 10) -> Progress:
        """How far a study is.

        Args:
            study: Its id.
            now: As in `heads`.
            events: How many of the last ones are wanted.

        Raises:
            StoreError: There is no such study.
        """
        with self._database.read() as connection:
            record = read_study(connection, study).record
            score = _value(connection, "outcome", "score")
            seconds = _value(connection, "outcome", "seconds")
            run_s = case((_value(connection, "spec", "epochs") > 0, seconds))
            wanted = select(func.min(score), func.sum(seconds), func.count(run_s), func.sum(run_s))
            found = connection.execute(_of_study(wanted, study).where(TRIALS.c.state == "finished")).one()
            best, spent, runs, run_seconds = tuple(found)
            return Progress(
                record=record,
                trials=_counts(connection, now, study).get(study, {}),
                best=None if best is None else float(best),
                seconds=float(spent or 0.0),
                runs=int(runs),
                run_seconds=float(run_seconds or 0.0),
                stage=_stage(connection, study),
                events=_last_events(connection, study, events),
            )

    def page(
        self,
        study: str,
        *,
        sort: str = "",
        is_descending: bool = False,
        state: State | None = None,
        now: float,
        start: int = 0,
        amount: int = 50,
    ) -> tuple[list[Listed], int]:
        """Some of a study's trials, and how many there are of that state.

        Args:
            study: Its id.
            sort: One of `SORTS`; empty is the order in which they were asked for. Trials without a value come last.
            is_descending: From the largest to the smallest.
            state: Those alone, or None.
            now: As in `heads`.
            start: How many are left out before.
            amount: How many are wanted.

        Raises:
            StoreError: There is no such order.
        """
        if sort and sort not in SORTS:
            raise StoreError(f"trials have no order by {sort[:20]!r}; use one of {', '.join(SORTS)}")
        with self._database.read() as connection:
            wanted = _of_study(select(TRIALS, ASKS.c.ordinal.label("place")), study)
            if state is not None:
                wanted = wanted.where(_is_in(state, now))
            total = connection.execute(select(func.count()).select_from(wanted.subquery())).scalar_one()
            by = [_value(connection, *SORTS[sort])] if sort else []
            last = ASKS.c.ordinal.desc() if is_descending and not sort else ASKS.c.ordinal
            for one in by:
                wanted = wanted.order_by(one.is_(None), one.desc() if is_descending else one)
            rows = connection.execute(wanted.order_by(last).offset(start).limit(amount)).mappings()
            return [_listed(row["place"], row) for row in rows], int(total)

    def trial(self, study: str, trial: str) -> Listed | None:
        """One trial of a study; None if the study has none of that id."""
        with self._database.read() as connection:
            wanted = _of_study(select(TRIALS, ASKS.c.ordinal.label("place")), study)
            row = connection.execute(wanted.where(TRIALS.c.id == trial)).mappings().one_or_none()
            return None if row is None else _listed(row["place"], row)

    def ended(self, study: str) -> dict[str, float]:
        """When each trial of a study ended, seconds since 1970 (UTC), by its id."""
        with self._database.read() as connection:
            ended = _value(connection, "ended")
            wanted = _of_study(select(TRIALS.c.id, ended), study).where(ended.is_not(None))
            return {str(name): float(moment) for name, moment in connection.execute(wanted)}

    def mark(self, study: str) -> tuple[object, ...]:
        """What differs whenever anything of a study has changed that can be looked at; it costs next to nothing."""
        with self._database.read() as connection:
            row = connection.execute(select(STUDIES.c.digest).where(STUDIES.c.id == study)).one_or_none()
            counted = _of_study(select(TRIALS.c.state, func.count(), func.max(TRIALS.c.token)), study)
            states = connection.execute(counted.group_by(TRIALS.c.state).order_by(TRIALS.c.state)).all()
            findings = connection.execute(_finding_digests(study)).scalars().all()
            return (None if row is None else row[0], *map(tuple, states), *findings)


def _of_study(wanted: _Select, study: str) -> _Select:
    return wanted.join_from(ASKS, TRIALS, ASKS.c.trial == TRIALS.c.id).where(ASKS.c.study == study)


def _is_in(state: State, now: float) -> ColumnElement[bool]:
    is_queued, is_leased = TRIALS.c.state == "queued", func.coalesce(TRIALS.c.expires, 0.0) > now
    if state == "running":
        return and_(is_queued, is_leased)
    return and_(is_queued, ~is_leased) if state == "waiting" else TRIALS.c.state == state


def _counts(connection: Connection, now: float, study: str | None = None) -> dict[str, dict[State, int]]:
    """How many trials of each study are in each state."""
    queued = case((_is_in("running", now), "running"), else_="waiting")
    # of a name that no column has, or a database would group by that column
    state = case((TRIALS.c.state == "queued", queued), else_=TRIALS.c.state).label("standing")
    wanted = select(ASKS.c.study, state, func.count()).join_from(ASKS, TRIALS, ASKS.c.trial == TRIALS.c.id)
    wanted = wanted if study is None else wanted.where(ASKS.c.study == study)
    found: dict[str, dict[State, int]] = {}
    for name, kind, amount in connection.execute(wanted.group_by(ASKS.c.study, "standing")):
        if kind in STATES:
            found.setdefault(name, {})[kind] = int(amount)
    return found


def _verdicts(connection: Connection, study: str | None) -> dict[str, str]:
    """What the last event of each study says that came of it."""
    query = select(EVENTS.c.study, func.max(EVENTS.c.ordinal).label("ordinal")).group_by(EVENTS.c.study)
    last = (query if study is None else query.where(EVENTS.c.study == study)).subquery()
    is_last = (EVENTS.c.study == last.c.study) & (EVENTS.c.ordinal == last.c.ordinal)
    found: dict[str, str] = {}
    for row in connection.execute(select(EVENTS).join(last, is_last)).mappings():
        try:
            event = read_event(row)
        except DamagedError:
            continue  # the page of the study says so; a list of studies does not need it
        if event.kind == "finished":
            found[str(row[EVENTS.c.study])] = str(event.detail.get("verdict", ""))
    return found


def _stage(connection: Connection, study: str) -> str:
    is_stage = EVENTS.c.body.like('%"kind":"stage"%')
    query = select(EVENTS).where(EVENTS.c.study == study, is_stage).order_by(EVENTS.c.ordinal.desc()).limit(1)
    row = connection.execute(query).mappings().one_or_none()
    return "" if row is None else str(read_event(row).detail.get("stage", ""))


def _last_events(connection: Connection, study: str, amount: int) -> list[Event]:
    query = select(EVENTS).where(EVENTS.c.study == study).order_by(EVENTS.c.ordinal.desc()).limit(amount)
    return [read_event(row) for row in connection.execute(query).mappings()]


def _finding_digests(study: str) -> _Select:
    return select(FINDINGS.c.digest).where(FINDINGS.c.study == study).order_by(FINDINGS.c.stage)


def _listed(place: int, row: Mapping[Any, object]) -> Listed:
    try:
        return Listed(int(place), TrialRow.read(row))  # type: ignore[arg-type]  # a mapping of a row's columns
    except DamagedError as error:
        return Listed(int(place), None, str(error))


def _value(connection: Connection, *path: str) -> ColumnElement[Any]:
    """A number in a trial's body."""
    if connection.dialect.name == "sqlite":
        return func.json_extract(TRIALS.c.body, "$." + ".".join(path), type_=Double)
    found: ColumnElement[Any] = cast(TRIALS.c.body, JSON)[path].as_float()
    return found
