"""A rule, how it stood and what is seen now to how it stands, and to what people are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from darse.errors import StoreError
from darse.monitor.rules import LEVELS, Level, Rule, read_span

Kind = Literal["worse", "better", "recovered", "reminder", "test"]


class Notice(BaseModel):
    """Something that people are told.

    Attributes:
        time: Seconds since 1970 (UTC).
        rule: Name of the rule.
        kind: Why it is told.
        level: How bad it is now.
        value: What was seen; None for no data.
        waiting: Places of the targets that have not been told yet.
        held_until: Until then somebody is telling them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    time: float
    rule: str
    kind: Kind
    level: Level
    value: float | None
    waiting: list[int] = []
    held_until: float = 0.0

    def is_same(self, other: Notice) -> bool:
        """Whether it is about the same change."""
        return (self.time, self.kind) == (other.time, other.kind)


class Standing(BaseModel):
    """How a rule stands.

    Attributes:
        level: How bad it is.
        since: When it became so, seconds since 1970 (UTC).
        candidate: What the last looks say it is.
        streak: How many in a row.
        value: What was seen last.
        known: How bad people know it to be.
        told: When they were told last.
        muted_until: Nobody is told before.
        outbox: What has still to be delivered.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: Level = "ok"
    since: float = 0.0
    candidate: Level = "ok"
    streak: int = 0
    value: float | None = None
    known: Level = "ok"
    told: float = 0.0
    muted_until: float = 0.0
    outbox: list[Notice] = []

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> Standing:
        """What was kept.

        Raises:
            StoreError: It is something else.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise StoreError("how an alert stands cannot be read; remove it from the store") from error


def step(rule: Rule, before: Standing, value: float | None, now: float) -> tuple[Standing, Notice | None]:
    """How a rule stands after one look, and what is to be told.

    Args:
        rule: The rule.
        before: How it stood.
        value: What is seen; None for no data.
        now: Seconds since 1970 (UTC).
    """
    level = _level(rule, before, value)
    streak = before.streak + 1 if level == before.candidate else 1
    after = before.model_copy(update={"candidate": level, "streak": streak, "value": value})
    if level != before.level and streak >= rule.consecutive:
        after = after.model_copy(update={"level": level, "since": now})
    kind = _kind(rule, after, now)
    if kind is None or now < _muted_until(rule, after):
        return after, None  # what stays bad is told when the silence ends, what has gone by then is not
    notice = Notice(time=now, rule=rule.name, kind=kind, level=after.level, value=value)
    return after.model_copy(update={"known": after.level, "told": now}), notice


def _level(rule: Rule, before: Standing, value: float | None) -> Level:
    if value is not None:
        return rule.level(value, before.level)
    return before.level if rule.no_data == "keep" else rule.no_data


def _kind(rule: Rule, standing: Standing, now: float) -> Kind | None:
    """What people do not know yet, or have to hear again."""
    if standing.level != standing.known:
        if standing.level == "ok":
            return "recovered"
        return "worse" if LEVELS.index(standing.level) > LEVELS.index(standing.known) else "better"
    is_due = rule.remind is not None and standing.level != "ok" and now - standing.told >= read_span(rule.remind)
    return "reminder" if is_due else None


def _muted_until(rule: Rule, standing: Standing) -> float:
    until = 0.0 if rule.mute_until is None else rule.mute_until.timestamp()
    return max(until, standing.muted_until)
