"""What the JSON bodies of rows may hold.

A digest tells of damage, but whoever writes a row can make one that fits.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from darse.names import printable
from darse.store.seal import DamagedError
from darse.store.trial import CurvePoint, EvaluatorName, Outcome, TrialSpec

StudyState = Literal["running", "finished", "stopped"]
TrialState = Literal["queued", "finished", "failed"]


def _is_text(value: object) -> object:
    # pydantic's own check refuses halves of surrogate pairs, which a text from outside may have
    if not isinstance(value, str):
        raise ValueError("should be a text")
    return value


def _is_table(value: object) -> object:
    if not isinstance(value, dict):
        raise ValueError("should be a table")
    return value


Text = Annotated[Any, AfterValidator(_is_text)]
Table = Annotated[Any, AfterValidator(_is_table)]
Count = Annotated[int, Field(ge=0, le=2**31)]
Moment = Annotated[float, Field(ge=0, lt=253_402_300_800)]
"""Seconds since 1970 (UTC), before the year 10000."""
Rank = Annotated[int, Field(ge=0, le=2**20)]


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


class StudyBody(_Body):
    """Of a study; the counts are of the rows that it owns."""

    name: Text
    context: Text
    settings: Table
    created: Moment
    state: StudyState
    asked: Count
    findings: Count
    events: Count


class EventBody(_Body):
    """Of an event."""

    time: Moment
    kind: Text
    detail: Table


class SpecBody(_Body):
    """Of a trial's spec."""

    plan: list[Rank]
    seed: Annotated[int, Field(ge=0)]
    learning_rate: Annotated[float, Field(ge=0)]
    epochs: Count
    evaluator: EvaluatorName
    parent: str

    def spec(self) -> TrialSpec:
        """The value that it stands for."""
        return TrialSpec.from_json(self.model_dump())


class PointBody(_Body):
    """Of an epoch; older versions wrote more."""

    model_config = ConfigDict(extra="ignore")

    epoch: Count
    train_loss: float
    score: float


class OutcomeBody(_Body):
    """Of what came out of a trial."""

    score: float
    metrics: dict[str, float]
    losses: str
    curve: list[PointBody]
    artifacts: dict[str, str]
    seconds: Annotated[float, Field(ge=0)]

    def outcome(self) -> Outcome:
        """The value that it stands for."""
        curve = tuple(CurvePoint(point.epoch, point.train_loss, point.score) for point in self.curve)
        return Outcome(self.score, self.metrics, self.losses, curve, self.artifacts, self.seconds)


class TrialBody(_Body):
    """Of a trial in any state."""

    context: Text
    spec: SpecBody
    worker: Text
    outcome: OutcomeBody | None
    reason: Text
    ended: Moment | None
    seconds: Annotated[float, Field(ge=0)] = 0.0


class TrialColumns(_Body):
    """The columns of a trial beside its body, which the database itself may not check."""

    id: Text
    state: TrialState
    token: Annotated[int, Field(ge=0)]
    expires: Moment | None


class LedgerBody(_Body):
    """Of the ledger."""

    studies: Count


Body = TypeVar("Body", bound=_Body)


def read_body(kind: type[Body], given: object, what: str) -> Body:
    """The body of a row, or its columns.

    Args:
        kind: What it should be.
        given: JSON text, or the columns by name.
        what: The row's name for the message.

    Raises:
        DamagedError: It is something else.
    """
    try:
        return kind.model_validate(json.loads(given) if isinstance(given, str) else given)
    except (ValidationError, ValueError, RecursionError) as error:
        raise DamagedError(f"{what} is not what it should be ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return printable(str(error), 80)
    problem = error.errors(include_input=False, include_url=False)[0]
    return printable(": ".join((".".join(map(str, problem["loc"])), problem["msg"])), 160)
