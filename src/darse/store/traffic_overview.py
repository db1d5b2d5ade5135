"""What servers have answered to sums, samples and how alert rules stand, all made by the database."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Double,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    select,
)

from darse.names import printable
from darse.store.connect import Database
from darse.store.schema import ALERTS, FEEDBACK, MINUTES, SERVED
from darse.store.seal import DamagedError, unsealed
from darse.store.traffic import Served, read_served

_RATIO = 1.1
"""Of the edges of the bins that times are counted in, so a percentile is known to within a tenth."""
_EDGES = tuple(0.001 * _RATIO**place for place in range(120))
"""Seconds, from a millisecond to a minute and a half."""


@dataclass
class Sums:
    """Sums over some texts that were scored; those of several spans of time add up.

    Attributes:
        texts: How many.
        scores: Sum of the scores, and how many have one.
        confidences: The same of confidence.
        tokens: Sum of tokens.
        unknown: Sum of each text's part of unknown tokens.
        labels: How many got each label.
        adapters: How many each adapter, by its digest, answered.
        bins: How many took how long, by the number of the bin.
    """

    texts: int = 0
    scores: tuple[float, int] = (0.0, 0)
    confidences: tuple[float, int] = (0.0, 0)
    tokens: int = 0
    unknown: float = 0.0
    labels: Counter[str] = field(default_factory=Counter)
    adapters: Counter[str] = field(default_factory=Counter)
    bins: Counter[int] = field(default_factory=Counter)

    def add(self, other: Sums) -> None:
        """Add the sums of other texts."""
        self.texts += other.texts
        self.scores = (self.scores[0] + other.scores[0], self.scores[1] + other.scores[1])
        self.confidences = (self.confidences[0] + other.confidences[0], self.confidences[1] + other.confidences[1])
        self.tokens += other.tokens
        self.unknown += other.unknown
        self.labels += other.labels
        self.adapters += other.adapters
        self.bins += other.bins

    def percentile_s(self, part: float) -> float | None:
        """Seconds that a part of the texts took at the most, to within a tenth; None without a text.

        Args:
            part: From 0 to 1.
        """
        if not self.texts:
            return None
        wanted, passed = part * self.texts, 0
        for place in sorted(self.bins):
            passed += self.bins[place]
            if passed >= wanted:
                return _EDGES[min(place, len(_EDGES) - 1)]
        return _EDGES[-1]


@dataclass(frozen=True)
class Judged:
    """What was true of some texts that were scored.

    Attributes:
        right: Of those with feedback on the label, how many were right, and how many there are.
        squared_error: Sum over those with feedback on the score, and how many there are.
    """

    right: tuple[int, int] = (0, 0)
    squared_error: tuple[float, int] = (0.0, 0)


class TrafficOverview:
    """Looks at the log of what servers answer without reading all of it.

    Every method is one transaction, and raises as those of `Store`. What the database sums up is not checked against
    the digests of the rows; rows that are handed out are.

    Args:
        database: Where the rows are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def span(self) -> tuple[float, float] | None:
        """When the first and the last text was scored; None if there is none."""
        with self._database.read() as connection:
            # one by one: of both together SQLite would look at every row
            low = connection.execute(select(func.min(SERVED.c.time))).scalar_one()
            high = connection.execute(select(func.max(SERVED.c.time))).scalar_one()
            return None if low is None or high is None else (float(low), float(high))

    def sums(self, since: float, until: float, *, served_as: str, unit_s: float | None = None) -> dict[int, Sums]:
        """The texts from one moment to before another, by units of time; units without texts are left out.

        Args:
            since: Seconds since 1970 (UTC).
            until: The same.
            served_as: Of which label.
            unit_s: Seconds of a unit; unit 0 begins at `since`. None makes one unit of all.
        """
        given = {"since": since, "until": until, "served_as": served_as, "unit_s": unit_s or (until - since) or 1.0}
        found: dict[int, Sums] = {}
        with self._database.read() as connection:
            for unit, *row in connection.execute(_SUMS[connection.dialect.name == "sqlite"], given):
                found.setdefault(int(unit), Sums()).add(_sums_of(row))
        return found

    def requests(self, since: float, until: float, *, window_s: int) -> dict[int, Counter[str]]:
        """Requests by what became of them, for each window that has any, by its number.

        Args:
            since: Seconds since 1970 (UTC).
            until: The same.
            window_s: Seconds of a window, whole minutes; window 0 begins in 1970.
        """
        window = MINUTES.c.minute // max(1, window_s // 60)
        wanted = select(window.label("window"), MINUTES.c.outcome, func.sum(MINUTES.c.requests))
        wanted = wanted.where(MINUTES.c.minute >= since // 60, MINUTES.c.minute < until / 60)
        found: dict[int, Counter[str]] = {}
        with self._database.read() as connection:
            for place, outcome, requests in connection.execute(wanted.group_by("window", MINUTES.c.outcome)):
                found.setdefault(int(place), Counter())[str(outcome)] += int(requests)
        return found

    def judged(self, since: float, until: float, *, served_as: str, unit_s: float) -> dict[int, Judged]:
        """What was true of the texts of a span of time, by units of time; the last word on each key counts.

        A key that was asked twice counts twice. The arguments are those of `sums`.
        """
        last = select(func.max(FEEDBACK.c.number)).group_by(FEEDBACK.c.key)
        is_told = FEEDBACK.c.label.is_not(None)
        error = SERVED.c.score - FEEDBACK.c.score
        with self._database.read() as connection:
            unit = _unit(literal(since, Double), literal(unit_s, Double), is_sqlite=connection.dialect.name == "sqlite")
            wanted = (
                select(
                    unit, func.sum(case((is_told & (SERVED.c.label == FEEDBACK.c.label), 1), else_=0)),
                    func.count(FEEDBACK.c.label), func.sum(error * error), func.count(error),
                )
                .join_from(FEEDBACK, SERVED, FEEDBACK.c.key == SERVED.c.key)
                .where(FEEDBACK.c.number.in_(last), _between(since, until, served_as))
                .group_by("unit")
            )  # fmt: skip
            return {
                int(place): Judged((int(right), int(told)), (float(squares or 0.0), int(errors)))
                for place, right, told, squares, errors in connection.execute(wanted)
            }

    def sample(self, since: float, until: float, *, served_as: str, amount: int) -> list[Served]:
        """Some texts of a span of time, evenly chosen, oldest first; the other arguments are those of `sums`.

        Args:
            since: Seconds since 1970 (UTC).
            until: The same.
            served_as: Of which label.
            amount: How many, at the most.
        """
        inside = _between(since, until, served_as)
        with self._database.read() as connection:
            texts = int(connection.execute(select(func.count()).where(inside)).scalar_one())
            step = max(1, math.ceil(texts / amount))
            query = select(SERVED).where(inside, SERVED.c.number % step == 0).order_by(SERVED.c.time).limit(amount)
            return [read_served(row) for row in connection.execute(query).mappings()]

    def alerts(self) -> dict[str, Mapping[str, object]]:
        """How every rule stands that was ever looked at, by its name."""
        found: dict[str, Mapping[str, object]] = {}
        with self._database.read() as connection:
            for row in connection.execute(select(ALERTS).order_by(ALERTS.c.rule)).mappings():
                what = f"the alert {printable(str(row['rule']))}"
                body: object = json.loads(str(unsealed(ALERTS, row, what)["body"]))
                if not isinstance(body, dict):
                    raise DamagedError(f"{what} is damaged")
                found[str(row["rule"])] = body
        return found


def _between(
    since: float | BindParameter[float], until: float | BindParameter[float], served_as: str | BindParameter[str]
) -> ColumnElement[bool]:
    return and_(SERVED.c.time >= since, SERVED.c.time < until, SERVED.c.served_as == served_as)


def _bin(low: int, high: int) -> ColumnElement[int]:
    """The number of the bin of a time, by halves: a few comparisons a row."""
    if low == high:
        return literal(low)
    middle = (low + high) // 2
    return case((SERVED.c.seconds <= _EDGES[middle], _bin(low, middle)), else_=_bin(middle + 1, high))


def _sums(*, is_sqlite: bool) -> Select[*tuple[Any, ...]]:
    """The query of `TrafficOverview.sums`; made once, as its bins are many."""
    unit = _unit(bindparam("since", type_=Double), bindparam("unit_s", type_=Double), is_sqlite=is_sqlite)
    most = case((SERVED.c.tokens > 1, SERVED.c.tokens), else_=1)
    wanted = select(
        unit, SERVED.c.adapter, SERVED.c.label, _bin(0, len(_EDGES)).label("bin"), func.count(),
        func.sum(SERVED.c.score), func.count(SERVED.c.score),
        func.sum(SERVED.c.confidence), func.count(SERVED.c.confidence),
        func.sum(SERVED.c.tokens), func.sum(cast(SERVED.c.unknown, Double) / most),
    )  # fmt: skip
    inside = _between(
        bindparam("since", type_=Double), bindparam("until", type_=Double), bindparam("served_as", type_=String)
    )
    return wanted.where(inside).group_by("unit", SERVED.c.adapter, SERVED.c.label, "bin")


def _unit(since: ColumnElement[float], unit_s: ColumnElement[float], *, is_sqlite: bool) -> ColumnElement[Any]:
    """The number of the unit of time that a text belongs to."""
    unit = (SERVED.c.time - since) / unit_s
    return (cast(unit, Integer) if is_sqlite else func.floor(unit)).label("unit")


def _sums_of(row: Sequence[Any]) -> Sums:
    adapter, label, place, texts, score, scores, confidence, confidences, tokens, unknown = row
    return Sums(
        texts=int(texts),
        scores=(float(score or 0.0), int(scores)),
        confidences=(float(confidence or 0.0), int(confidences)),
        tokens=int(tokens or 0),
        unknown=float(unknown or 0.0),
        labels=Counter() if label is None else Counter({str(label): int(texts)}),
        adapters=Counter({str(adapter): int(texts)}),
        bins=Counter({int(place): int(texts)}),
    )


_SUMS = {is_sqlite: _sums(is_sqlite=is_sqlite) for is_sqlite in (True, False)}
