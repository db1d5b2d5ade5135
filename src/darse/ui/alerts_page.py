"""A log and a file of rules to how each rule stands, and to what people do about one: mute it, or fire it as a test."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from darse.errors import InputError
from darse.monitor.alerts import Standing
from darse.monitor.guard import guard_by
from darse.monitor.rules import LEVELS, Level, Rule, read_rules, read_span
from darse.names import printable
from darse.report.parts import ABSENT
from darse.report.words import number
from darse.ui.moments import moment_words
from darse.ui.shelf import Shelved

SPANS = ("1h", "8h", "1d", "7d")
"""How long a rule can be muted from the page; the command line takes any span."""


@dataclass(frozen=True)
class Shown:
    """A rule as the page has it.

    Attributes:
        name: Of the rule.
        level: How it stands.
        since: Since when; empty where it never changed.
        value: What was seen last.
        watched: What it watches, and its limits; empty where the rules are not known here.
        muted: Until when nobody is told; empty if they are.
        waiting: Targets that have still to be told.
        can_change: Whether it can be muted and fired from here.
    """

    name: str
    level: Level
    since: str
    value: str
    watched: str
    muted: str
    waiting: int
    can_change: bool


def shown_rules(shelved: Shelved, rules: Path | None, *, now: float) -> list[Shown]:
    """Every rule of the file, and every one that the log knows, the worst first."""
    with shelved.read() as store:
        kept = store.traffic_overview.alerts()
    known = {rule.name: rule for rule in read_rules(rules).rules} if rules is not None else {}
    names = dict.fromkeys([*known, *kept])
    shown = [_shown(name, known.get(name), Standing.from_json(kept.get(name, {})), now) for name in names]
    return sorted(shown, key=lambda one: (-LEVELS.index(one.level), one.name))


def _shown(name: str, rule: Rule | None, standing: Standing, now: float) -> Shown:
    until = max(standing.muted_until, rule.mute_until.timestamp() if rule is not None and rule.mute_until else 0.0)
    return Shown(
        name=printable(name, 100),
        level=standing.level,
        since=moment_words(standing.since) if standing.since else "",
        value=ABSENT if standing.value is None else number(standing.value),
        watched="" if rule is None else watched_words(rule),
        muted=moment_words(until) if until > now else "",
        waiting=sum(len(notice.waiting) for notice in standing.outbox),
        can_change=rule is not None,
    )


def watched_words(rule: Rule) -> str:
    """What a rule watches, and when it is bad."""
    what = rule.metric if rule.label is None else f"{rule.metric} of {printable(rule.label)}"
    side = "at or below" if rule.direction == "below" else "at or above"
    limits: Mapping[str, float | None] = {"warning": rule.warning, "alert": rule.alert}
    told = ", ".join(f"{name} {side} {limit:g}" for name, limit in limits.items() if limit is not None)
    if rule.is_of_search:
        return f"{what} of {printable(rule.study) if rule.study else 'the study begun last'}: {told}"
    return f"{what} over {rule.window} ({rule.served_as}): {told}"


def mute(shelved: Shelved, rules: Path | None, *, name: str, span: str) -> str:
    """Mute a rule for a while, or let it be heard again; what was done, in words.

    Args:
        shelved: The log.
        rules: The file of rules.
        name: Of the rule.
        span: One of `SPANS`, or empty to end the silence.

    Raises:
        InputError: There is no such rule or span, or no rules are known here.
    """
    path = _needed(rules)
    if span and span not in SPANS:
        raise InputError(f"{printable(repr(span), 20)} is none of {', '.join(SPANS)}")
    now = time.time()
    with shelved.change() as store:
        guard_by(store.traffic, path)[0].mute(name, now + read_span(span) if span else now)
    return f"{printable(name, 100)} is silent for {span}." if span else f"{printable(name, 100)} is heard again."


def fire(shelved: Shelved, rules: Path | None, *, name: str) -> str:
    """Tell every target of a rule, as a test; what was done, in words.

    Raises:
        InputError: There is no such rule, or no rules are known here.
        DeliveryError: A target was not reached.
    """
    path = _needed(rules)
    with shelved.read() as store:
        guard_by(store.traffic, path)[0].try_out(name, time.time())
    return f"Every target was told of {printable(name, 100)}, as a test."


def _needed(rules: Path | None) -> Path:
    if rules is None:
        raise InputError("no rules are known here; start `darse ui` with --rules")
    return rules


def worst(shown: Sequence[Shown]) -> str:
    """A sentence on how things stand."""
    bad = [one for one in shown if one.level != "ok"]
    if not shown:
        return "No rule was ever looked at here."
    return f"{len(bad)} of {len(shown)} rules are not well." if bad else f"All {len(shown)} rules are well."
