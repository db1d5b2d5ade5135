"""A file of alert rules to rules that are checked: what is watched, when it is bad, and who is told."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from darse.names import printable
from darse.yaml_files import Part, read_yaml

Metric = Literal[
    "requests", "texts", "error_share", "busy_share", "latency_p50_s", "latency_p95_s", "latency_p99_s", "share",
    "score_mean", "confidence_mean", "tokens_mean", "unknown_mean", "accuracy", "mse", "drift",
    "search.effect_over_noise", "search.shuffled_tie", "search.minutes_since_trial", "search.budget_spent",
    "search.reload_failed",
]  # fmt: skip
Level = Literal["ok", "warning", "alert"]
LEVELS: tuple[Level, ...] = ("ok", "warning", "alert")
"""From good to bad."""
_SECONDS = {"m": 60, "h": 3600, "d": 86400}


def read_span(text: str) -> float:
    """Seconds of a span of time as people write it.

    Raises:
        ValueError: It is none.

    >>> read_span("90m"), read_span("1h"), read_span("2d")
    (5400.0, 3600.0, 172800.0)
    """
    amount, unit = text[:-1], text[-1:]
    if not (amount.isascii() and amount.isdecimal() and 0 < len(amount) < 6 and unit in _SECONDS and int(amount)):
        raise ValueError(f"{printable(repr(text))} is no span of time; write 90m, 1h or 2d")
    return float(int(amount) * _SECONDS[unit])


def _check_span(text: str) -> str:
    read_span(text)
    return text


Span = Annotated[str, AfterValidator(_check_span)]


class Rule(Part):
    """What is watched, and when it is bad.

    `share` is the part of the texts that got a label; `drift` is the largest distance of what has drifted beyond
    chance, 0 where nothing has. What begins with `search.` is of a study (`darse.analysis.watched`).
    """

    name: Annotated[str, Field(min_length=1, max_length=100)]
    metric: Metric
    label: str | None = None
    study: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    """Id of the study, the beginning of it, or its name; of several the one begun last, which any is by default."""
    served_as: Literal["prod", "canary", "shadow"] = "prod"
    window: Span = "1h"
    direction: Literal["above", "below"] = "above"
    warning: float | None = None
    alert: float | None = None
    recover: Annotated[float, Field(ge=0)] = 0.0
    """How far it has to come back behind a threshold to be better again."""
    consecutive: Annotated[int, Field(ge=1, le=1000)] = 1
    """Looks in a row that have to agree before anything changes."""
    min_texts: Annotated[int, Field(ge=0)] = 30
    """With fewer texts in the window there are no data."""
    no_data: Literal["keep", "ok", "warning", "alert"] = "keep"
    """What it stands for that there are no data; `keep` leaves it as it is."""
    remind: Span | None = None
    """Say it again after so long, as long as it is bad."""
    mute_until: datetime | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.warning is None and self.alert is None:
            raise ValueError(f"rule {self.name!r}: give warning, alert, or both")
        if (self.metric == "share") != (self.label is not None):
            raise ValueError(f"rule {self.name!r}: label is for the metric share, and share needs one")
        if self.study is not None and not self.is_of_search:
            raise ValueError(f"rule {self.name!r}: study is for the metrics that begin with search.")
        if self.warning is not None and self.alert is not None:
            first, last = (self.alert, self.warning) if self._is_below else (self.warning, self.alert)
            if first > last:
                raise ValueError(f"rule {self.name!r}: the warning has to come before the alert")
        if not self.name.isprintable():
            raise ValueError("the name of a rule has characters that cannot be printed")
        if self.mute_until is not None and self.mute_until.tzinfo is None:
            raise ValueError(f"rule {self.name!r}: mute_until needs a zone; write 2026-12-01T08:00:00Z")
        return self

    @property
    def _is_below(self) -> bool:
        return self.direction == "below"

    @property
    def is_of_search(self) -> bool:
        """Whether a study is watched, and not what a server answered."""
        return self.metric.startswith("search.")

    @property
    def window_s(self) -> float:
        """Seconds of the window."""
        return read_span(self.window)

    @property
    def figure(self) -> str:
        """Name of the figure of a window that is watched."""
        return f"share:{self.label}" if self.metric == "share" else self.metric

    def level(self, value: float, before: Level) -> Level:
        """How bad a value is, given how bad it was: on the way back a threshold is passed later."""
        found: Level = "ok"
        limits: list[tuple[Level, float | None]] = [("warning", self.warning), ("alert", self.alert)]
        for level, limit in limits:
            if limit is None:
                continue
            slack = self.recover if LEVELS.index(before) >= LEVELS.index(level) else 0.0
            if value <= limit + slack if self._is_below else value >= limit - slack:
                found = level
        return found


class Target(Part):
    """Who is told: an address of Apprise, or the variable that has it."""

    env: Annotated[str | None, Field(pattern=r"^[A-Z][A-Z0-9_]*$")] = None
    url: Annotated[str | None, Field(max_length=2000, repr=False)] = None
    levels: tuple[Literal["warning", "alert"], ...] = ("warning", "alert")
    """Which ones it is told; it is told of recovery if it was told before."""
    allow_private: bool = False
    """Whether the address may be of this machine or of a private network."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.env is None) == (self.url is None):
            raise ValueError("a target needs either env or url")
        return self


class Rules(Part):
    """All rules, and who is told."""

    rules: Annotated[list[Rule], Field(min_length=1, max_length=500)]
    notify: tuple[Target, ...] = ()
    every: Span = "1m"

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [rule.name for rule in self.rules]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two rules are called {twice[0]!r}; the name says which alert is meant")
        return self


def read_rules(path: Path) -> Rules:
    """The rules of a YAML file.

    Raises:
        InputError: The file cannot be read, or is no YAML.
        SettingsError: A rule is wrong; all problems are named together.
    """
    # a target's address may hold a password
    return read_yaml(path, Rules, "rules", secret=("notify",))
