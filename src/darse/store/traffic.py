"""What servers have answered to sealed rows, and a span of time to what was answered in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Double, RowMapping, Select, Table, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from darse.names import printable
from darse.store.connect import Database
from darse.store.schema import ALERTS, FEEDBACK, MINUTES, SERVED, USUAL
from darse.store.seal import DamagedError, canonical, checked_key, sealed, unsealed

_PAGE = 5000
"""Rows in memory at once while many are read."""
_LAST_NUMBER = (1 << 63) - 1
_BODY = ("name", "text_digest", "text", "target")


@dataclass(frozen=True, slots=True)
class Served:
    """A text that was scored.

    Attributes:
        time: When, seconds since 1970 (UTC).
        key: The id under which it was asked.
        adapter: SHA-256 of the adapter's manifest.
        name: Of the adapter.
        served_as: `prod`, `canary` or `shadow`.
        label: The most probable class, or None.
        score: In the user's units, or None.
        confidence: Probability of the label, or None.
        characters: Of the text.
        tokens: Of the text, before it was cut.
        unknown: Tokens that the tokenizer does not know.
        seconds: From its arrival to its answer.
        text_digest: SHA-256 of the text.
        text: The text itself, if it is kept.
        target: Whose sentiment was meant, if texts are kept.
    """

    time: float
    key: str
    adapter: str
    name: str
    served_as: str
    label: str | None
    score: float | None
    confidence: float | None
    characters: int
    tokens: int
    unknown: int
    seconds: float
    text_digest: str
    text: str | None = None
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Feedback:
    """What was true of a text.

    Attributes:
        time: When it was told, seconds since 1970 (UTC).
        key: The id of the text.
        label: Its class, or None.
        score: Its score, or None.
    """

    time: float
    key: str
    label: str | None
    score: float | None


@dataclass(frozen=True, slots=True)
class MinuteCount:
    """Requests that a server has answered in one minute.

    Attributes:
        minute: Minutes since 1970 (UTC).
        server: The server's name, of its own for each process.
        outcome: `answered`, `refused` (4xx), `busy` (429, 503) or `failed` (5xx).
        requests: How many.
    """

    minute: int
    server: str
    outcome: str
    requests: int


class Traffic:
    """The log of what servers answer; rows are added and, when they are old, removed, and never changed.

    Every method is one transaction, and raises as those of `Store`. A row is checked against its digest when it is read
    as one; counts that the database makes are not.

    Args:
        database: Where the rows are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, served: Sequence[Served] = (), feedback: Sequence[Feedback] = (), minutes: Sequence[MinuteCount] = ()
    ) -> None:
        """Add rows, all or none; requests of a minute that is there already are added up."""
        with self._database.write() as connection:
            if served:
                connection.execute(insert(SERVED), [_served_columns(one) for one in served])
            if feedback:
                connection.execute(insert(FEEDBACK), [_columns(FEEDBACK, asdict(one)) for one in feedback])
            for one in minutes:
                _add_minute(connection, one)

    def served(
        self, since: float, until: float, *, served_as: str | None = None, adapter: str | None = None
    ) -> Iterator[Served]:
        """Texts that were scored from one moment to before another, oldest first, a page in memory at a time.

        Args:
            since: Seconds since 1970 (UTC).
            until: The same.
            served_as: Only those, or None.
            adapter: Only those of this digest, or None.
        """
        wanted = select(SERVED).where(SERVED.c.time >= since, SERVED.c.time < until)
        if served_as is not None:
            wanted = wanted.where(SERVED.c.served_as == served_as)
        if adapter is not None:
            wanted = wanted.where(SERVED.c.adapter == adapter)
        after = (since, -1)
        while page := self._page(wanted, after):
            yield from (one for one, _ in page)
            after = (page[-1][0].time, page[-1][1])

    def _page(self, wanted: Select[Any], after: tuple[float, int]) -> list[tuple[Served, int]]:
        time, number = after
        later = (SERVED.c.time > time) | ((SERVED.c.time == time) & (SERVED.c.number > number))
        query = wanted.where(later).order_by(SERVED.c.time, SERVED.c.number).limit(_PAGE)
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
            return [(read_served(row), int(row["number"])) for row in rows]

    def latest(self, amount: int, *, with_text: bool = False) -> list[Served]:
        """The texts that were scored last, oldest first.

        Args:
            amount: How many, at the most.
            with_text: Whether each is a text of its own, and kept; the newest of equal ones counts.
        """
        found: dict[str, Served] = {}
        last = _LAST_NUMBER
        while page := self._before(last):
            for one, number in page:
                last = number
                if not with_text:
                    found[str(number)] = one
                elif one.text is not None:
                    found.setdefault(one.text_digest, one)
                if len(found) == amount:
                    return list(found.values())[::-1]
        return list(found.values())[::-1]

    def _before(self, number: int) -> list[tuple[Served, int]]:
        """A page of what was answered to somebody, newest first."""
        query = select(SERVED).where(SERVED.c.number < number, SERVED.c.served_as != "shadow")
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(SERVED.c.number.desc()).limit(_PAGE)).mappings().all()
            return [(read_served(row), int(row["number"])) for row in rows]

    def judged(self, since: float, until: float) -> list[tuple[Served, Feedback]]:
        """Texts scored in a span of time with what was true of them; the last word on each key counts."""
        last = select(func.max(FEEDBACK.c.number)).group_by(FEEDBACK.c.key)
        with self._database.read() as connection:
            told = connection.execute(
                select(FEEDBACK).where(
                    FEEDBACK.c.number.in_(last),
                    FEEDBACK.c.key.in_(select(SERVED.c.key).where(SERVED.c.time >= since, SERVED.c.time < until)),
                )
            ).mappings()
            by_key = {str(row["key"]): _read_feedback(row) for row in told}
        pairs = [(one, by_key[one.key]) for one in self.served(since, until) if one.key in by_key]
        newest = {(one.key, one.served_as): (one, feedback) for one, feedback in pairs}
        return list(newest.values())

    def knows(self, key: str) -> bool:
        """Whether a text was scored under an id."""
        query = select(SERVED.c.number).where(SERVED.c.key == checked_key(key, "text")).limit(1)
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    def minutes(self, since: float, until: float) -> list[MinuteCount]:
        """Requests by minute, server and outcome, in the order of the minutes."""
        query = select(MINUTES).where(MINUTES.c.minute >= since // 60, MINUTES.c.minute < until / 60)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(MINUTES.c.minute, MINUTES.c.server)).mappings().all()
            return [MinuteCount(**unsealed(MINUTES, row, f"minute {row['minute']}")) for row in rows]  # type: ignore[arg-type]  # the columns are the fields

    def keep_usual(self, adapter: str, sample: Mapping[str, object]) -> None:
        """Keep what an adapter says of rows that it has not learned from, by its digest; what is there stays."""
        with self._database.write() as connection:
            if connection.execute(select(USUAL.c.adapter).where(USUAL.c.adapter == adapter)).first() is None:
                body = canonical(dict(sample), "what is usual")
                connection.execute(insert(USUAL).values(sealed(USUAL, {"adapter": adapter, "body": body})))

    def usual(self, adapter: str) -> Mapping[str, object] | None:
        """What `keep_usual` kept; None if nothing was."""
        with self._database.read() as connection:
            row = connection.execute(select(USUAL).where(USUAL.c.adapter == adapter)).mappings().one_or_none()
            if row is None:
                return None
            what = f"what is usual of adapter {adapter[:12]}"
            found: object = json.loads(str(unsealed(USUAL, row, what)["body"]))
            if not isinstance(found, dict):
                raise DamagedError(f"{what} is damaged")
            return found

    def alert(self, rule: str) -> Mapping[str, object]:
        """How a rule stands, as `set_alert` kept it; empty if it never did."""
        with self._database.read() as connection:
            return _read_alert(connection, rule)

    def set_alert(self, rule: str, before: Mapping[str, object], after: Mapping[str, object]) -> bool:
        """Keep how a rule stands, unless it stands otherwise than thought; whether it was kept.

        Args:
            rule: Its name.
            before: How it is thought to stand.
            after: How it stands from now on.
        """
        values = sealed(ALERTS, {"rule": checked_key(rule, "rule"), "body": canonical(dict(after), "an alert")})
        with self._database.write() as connection:
            if _read_alert(connection, rule) != before:
                return False
            connection.execute(delete(ALERTS).where(ALERTS.c.rule == rule))
            connection.execute(insert(ALERTS).values(values))
            return True

    def forget(self, before: float) -> int:
        """Remove what is older than a moment, and say how many texts that were."""
        with self._database.write() as connection:
            keys = select(SERVED.c.key).where(SERVED.c.time >= before)
            removed = connection.execute(delete(SERVED).where(SERVED.c.time < before)).rowcount
            connection.execute(delete(FEEDBACK).where(FEEDBACK.c.time < before, FEEDBACK.c.key.not_in(keys)))
            connection.execute(delete(MINUTES).where(MINUTES.c.minute <= before / 60 - 1))
            return int(removed)


def _add_minute(connection: Connection, one: MinuteCount) -> None:
    """Make the row of a minute, or add to the one that is there, also if another server makes it at this moment."""
    try:
        with connection.begin_nested():
            connection.execute(insert(MINUTES).values(sealed(MINUTES, asdict(one))))
    except IntegrityError:
        place = (MINUTES.c.minute == one.minute) & (MINUTES.c.server == one.server) & (MINUTES.c.outcome == one.outcome)
        found = connection.execute(select(MINUTES).where(place).with_for_update()).mappings().one()
        before = unsealed(MINUTES, found, f"minute {one.minute}")["requests"]
        assert isinstance(before, int)
        values = sealed(MINUTES, {**asdict(one), "requests": before + one.requests})
        connection.execute(update(MINUTES).where(place).values(values))


def _read_alert(connection: Connection, rule: str) -> Mapping[str, object]:
    row = connection.execute(select(ALERTS).where(ALERTS.c.rule == rule)).mappings().one_or_none()
    if row is None:
        return {}
    what = f"the alert {printable(rule)}"
    found: object = json.loads(str(unsealed(ALERTS, row, what)["body"]))
    if not isinstance(found, dict):
        raise DamagedError(f"{what} is damaged")
    return found


def _served_columns(one: Served) -> dict[str, object]:
    values = asdict(one)
    body = canonical({name: values.pop(name) for name in _BODY}, "a text that was scored")
    checked_key(one.key, "text")
    return _columns(SERVED, values | {"body": body})


def _columns(table: Table, values: Mapping[str, object]) -> dict[str, object]:
    """A sealed row whose floats are what a database gives back, or the digest would differ: no whole numbers, no -0."""
    floats = {column.name for column in table.columns if isinstance(column.type, Double)}
    return sealed(
        table,
        {
            name: float(value) + 0.0 if name in floats and isinstance(value, int | float) else value
            for name, value in values.items()
        },
    )


def read_served(row: RowMapping) -> Served:
    """The text that was scored of a row that fits its digest."""
    what = f"text {row['number']} that was scored"
    values = unsealed(SERVED, row, what)
    try:
        return Served(**values | json.loads(str(values.pop("body"))))
    except (ValueError, TypeError) as error:
        raise DamagedError(f"{what} is damaged") from error


def _read_feedback(row: RowMapping) -> Feedback:
    return Feedback(**unsealed(FEEDBACK, row, f"feedback {row['number']}"))  # type: ignore[arg-type]  # the columns are the fields
