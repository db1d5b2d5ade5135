"""Insights to the JSON value that programs read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from darse.insight.contrast import Contrast
from darse.insight.examples import Example
from darse.insight.insights import Insights
from darse.insight.intervals import Interval, Level
from darse.insight.issues import Issue
from darse.insight.movement import Movement
from darse.insight.periods import period_name
from darse.insight.rows import NO_DAY, Dropped
from darse.insight.sample import SHOWN_CHARACTERS
from darse.insight.windows import Windows
from darse.insight.words import badge_sentence, badge_words
from darse.names import printable

FORMAT = "darse-insights 1"


def as_record(insights: Insights) -> dict[str, object]:
    """Everything that the page says, as docs/insights.md describes it."""
    rows, columns, windows = insights.rows, insights.file.columns, insights.windows
    parts = ("text", "label", "score", "by", "time", "lang")
    return {
        "format": FORMAT,
        "summary": f"{badge_words(insights)[0]}. {badge_sentence(insights)}",
        "file": printable(insights.file.name, 1000),
        "columns": {part: getattr(columns, part) for part in parts},
        "guessed": list(columns.guessed),
        "sentiment": {"low": rows.sentiment.low, "high": rows.sentiment.high, "words": list(rows.sentiment.words)},
        "rows": {
            "read": rows.read,
            "used": len(rows),
            "rejected": _dropped(rows.rejected),
            "undated": int((rows.days == NO_DAY).sum()) - rows.misdated.amount,
            "misdated": _dropped(rows.misdated),
            "texts": insights.texts,
        },
        "windows": None if windows is None else _windows(windows),
        "few_rows": insights.asked.few,
        "seed": insights.asked.seed,
        "issues": [_issue(one, insights) for one in insights.issues],
        "movements": [_movement(one, windows) for one in insights.movements],
        "phrases": {
            name: _contrasts(found)
            for name, found in (
                ("negative", insights.negative),
                ("positive", insights.positive),
                ("latest", insights.latest),
                ("earlier", insights.earlier),
            )
        },
        "worst": _examples(insights.worst, windows),
        "best": _examples(insights.best, windows),
    }


def _dropped(dropped: Dropped) -> dict[str, object]:
    return {"amount": dropped.amount, "reasons": dict(dropped.reasons), "first": dropped.first}


def _windows(windows: Windows) -> dict[str, object]:
    days = ("first", "before", "recent", "latest", "last")
    return {
        "period": windows.period,
        "is_chosen": windows.is_chosen,
        **{name: windows.day(getattr(windows, name)) for name in days},
    }


def _interval(found: Interval | None) -> dict[str, float | None] | None:
    return None if found is None else asdict(found)


def _level(level: Level | None) -> Mapping[str, object] | None:
    return None if level is None else asdict(level)


def _issue(issue: Issue, insights: Insights) -> dict[str, object]:
    assert insights.windows is not None, "issues need dates"
    return {
        "dimension": issue.dimension,
        "name": issue.group,
        "phrase": _contrasts([issue.phrase])[0] if issue.phrase else None,
        "evidence": issue.evidence,
        "since": insights.windows.day(issue.since),
        "before": _level(issue.before),
        "after": _level(issue.after),
        "difference": _interval(issue.difference),
        "corrected_p": issue.corrected,
        "phrases": _contrasts(issue.phrases),
        "rows": _examples(issue.examples, insights.windows),
    }


def _movement(one: Movement, windows: Windows | None) -> dict[str, object]:
    return {
        "dimension": one.dimension,
        "name": one.name,
        "direction": one.direction,
        "level": _level(one.level),
        "dated": one.dated,
        "before": _level(one.before),
        "latest": _level(one.latest),
        "difference": _interval(one.difference),
        "effect": one.effect,
        "p": one.p,
        "change_p": one.change_p,
        "corrected_p": one.corrected,
        "changes": [
            {
                "day": windows.day(change.day),
                "before": _level(change.before),
                "after": _level(change.after),
                "difference": _interval(change.difference),
                "effect": change.effect,
            }
            for change in one.changes
            if windows is not None
        ],
        "periods": [
            {"period": period_name(point.number, windows.period), **asdict(point.level)}
            for point in one.points
            if windows is not None
        ],
    }


def _contrasts(found: Sequence[Contrast]) -> list[dict[str, object]]:
    return [
        {
            "phrase": one.name,
            "here": one.here,
            "here_share": _interval(one.here_share),
            "there": one.there,
            "there_share": _interval(one.there_share),
            "z": one.z,
            "corrected_p": one.corrected,
        }
        for one in found
    ]


def _examples(found: Sequence[Example], windows: Windows | None) -> list[dict[str, object]]:
    return [
        {
            "line": one.line,
            "date": None if one.day is None or windows is None else windows.day(one.day),
            "group": one.group,
            "sentiment": one.value,
            "text": one.text[:SHOWN_CHARACTERS],
        }
        for one in found
    ]
