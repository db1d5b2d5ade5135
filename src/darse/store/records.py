"""Values of the store's seam to and from the JSON bodies of its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from sqlalchemy import RowMapping

from darse.store.bodies import EventBody, StudyBody, TrialBody, TrialColumns, TrialState, read_body
from darse.store.protocol import Event, StudyRecord
from darse.store.schema import EVENTS, STUDIES, TRIALS
from darse.store.seal import DamagedError, canonical, sealed, unsealed
from darse.store.trial import Failure, Outcome, Trial, TrialSpec


@dataclass(frozen=True, slots=True)
class StudyRow:
    """A study with the numbers of rows it owns, so that a lost row is noticed.

    Attributes:
        record: The study.
        asked: Trials it has asked for.
        findings: Findings it has.
        events: Events it has.
    """

    record: StudyRecord
    asked: int = 0
    findings: int = 0
    events: int = 0

    def columns(self) -> dict[str, object]:
        """The sealed row."""
        record = self.record
        body = {
            "name": record.name,
            "context": record.context,
            "settings": dict(record.settings),
            "created": float(record.created),
            "state": record.state,
            "asked": self.asked,
            "findings": self.findings,
            "events": self.events,
        }
        return sealed(STUDIES, {"id": record.id, "body": canonical(body, "the study's settings")})

    @classmethod
    def read(cls, row: RowMapping) -> StudyRow:
        """The study of a row that fits its digest."""
        columns = unsealed(STUDIES, row, f"study {row[STUDIES.c.id]}")
        body = read_body(StudyBody, columns["body"], f"study {columns['id']}")
        record = StudyRecord(str(columns["id"]), body.name, body.context, body.settings, body.created, body.state)
        return cls(record, body.asked, body.findings, body.events)


@dataclass(frozen=True, slots=True)
class TrialRow:
    """A trial in any state.

    Attributes:
        id: Its name, a hash of context and spec.
        context: Digest of what determines the trial beside its spec.
        spec: What to run.
        state: "queued" (leased or not), "finished" or "failed".
        token: Fencing token of the newest lease, 0 before the first.
        expires: End of the lease; None while nobody holds the trial.
        worker: Who holds or held it.
        outcome: What came out, once finished.
        reason: Why it failed, once failed.
        seconds: Wall time until it failed, once failed.
        ended: When it finished or failed.
    """

    id: str
    context: str
    spec: TrialSpec
    state: TrialState = "queued"
    token: int = 0
    expires: float | None = None
    worker: str = ""
    outcome: Outcome | None = None
    reason: str = ""
    seconds: float = 0.0
    ended: float | None = None

    def columns(self) -> dict[str, object]:
        """The sealed row."""
        body = {
            "context": self.context,
            "spec": self.spec.as_json(),
            "worker": self.worker,
            "outcome": None if self.outcome is None else _outcome_as_json(self.outcome),
            "reason": self.reason,
            "ended": self.ended,
            # a finished trial has them in its outcome
            **({"seconds": self.seconds} if self.seconds else {}),
        }
        expires = None if self.expires is None else float(self.expires)
        values = {"id": self.id, "state": self.state, "token": self.token, "expires": expires}
        return sealed(TRIALS, {**values, "body": canonical(body, f"trial {self.id}")})

    @classmethod
    def read(cls, row: RowMapping) -> TrialRow:
        """The trial of a row that fits its digest and whose name fits its content."""
        name = f"trial {row[TRIALS.c.id]}"
        columns = unsealed(TRIALS, row, name)
        body = read_body(TrialBody, columns.pop("body"), name)
        trial = cls(
            **dict(read_body(TrialColumns, columns, name)),
            context=body.context,
            spec=body.spec.spec(),
            worker=body.worker,
            outcome=None if body.outcome is None else body.outcome.outcome(),
            reason=body.reason,
            seconds=body.seconds,
            ended=body.ended,
        )
        if trial.spec.id(trial.context) != trial.id:
            raise DamagedError(f"{name} is not the trial that its name says")
        return trial

    def as_trial(self) -> Trial:
        """The finished trial."""
        if self.outcome is None:
            raise DamagedError(f"trial {self.id} is finished but has no outcome")
        return Trial(self.id, self.spec, self.outcome)

    def as_failure(self) -> Failure:
        """The failed trial."""
        return Failure(self.spec, self.reason, self.seconds)

    def finished(self, outcome: Outcome, *, now: float) -> TrialRow:
        """The row once its lease has ended with an outcome."""
        return replace(self, state="finished", expires=None, outcome=outcome, ended=float(now))

    def failed(self, reason: str, *, now: float, seconds: float) -> TrialRow:
        """The row once its lease has ended without one."""
        return replace(self, state="failed", expires=None, reason=reason, seconds=float(seconds), ended=float(now))


def event_columns(study: str, ordinal: int, event: Event) -> dict[str, object]:
    """The sealed row of an event."""
    body = {"time": float(event.time), "kind": event.kind, "detail": dict(event.detail)}
    return sealed(EVENTS, {"study": study, "ordinal": ordinal, "body": canonical(body, f"event {event.kind}")})


def read_event(row: RowMapping) -> Event:
    """The event of a row that fits its digest."""
    name = f"event {row[EVENTS.c.ordinal]}"
    body = read_body(EventBody, unsealed(EVENTS, row, name)["body"], name)
    return Event(body.time, body.kind, body.detail)


def _outcome_as_json(outcome: Outcome) -> Mapping[str, object]:
    return {
        "score": outcome.score,
        "metrics": dict(outcome.metrics),
        "losses": outcome.losses,
        "curve": [asdict(point) for point in outcome.curve],
        "artifacts": dict(outcome.artifacts),
        "seconds": outcome.seconds,
    }


def are_numbered(ordinals: Sequence[object], expected: int) -> bool:
    """Whether rows have the numbers 0, 1, ... and are as many as they should be."""
    return len(ordinals) == expected and all(place == ordinal for place, ordinal in enumerate(ordinals))
