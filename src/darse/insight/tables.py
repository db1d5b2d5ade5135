"""Insights to tables of text: issues, groups, phrases, rows to read."""

from __future__ import annotations

from collections.abc import Sequence

from darse.insight.contrast import Contrast
from darse.insight.examples import Example
from darse.insight.insights import Insights
from darse.insight.movement import Movement
from darse.insight.sample import SHOWN_CHARACTERS
from darse.insight.words import (
    DIRECTIONS,
    Scale,
    chance_words,
    changes_words,
    how_sure,
    name_words,
    phrase_words,
    share,
    share_ends,
)
from darse.names import printable
from darse.report.parts import ABSENT, Table
from darse.report.words import count, number

_SHOWN_GROUPS = 1000


def issue_table(insights: Insights) -> Table:
    """Every issue, the surest first."""
    assert insights.windows is not None, "issues need dates"
    scale, rows = Scale.of(insights), []
    for issue in insights.issues:
        before, after = issue.before, issue.after
        rows.append(
            (
                name_words(issue.group),
                f"“{printable(issue.phrase.name)}” in negative texts" if issue.phrase else "lower as a whole",
                insights.windows.day(issue.since),
                f"{how_sure(issue.corrected)} ({chance_words(issue.corrected)})",
                scale.moved(issue.difference.value) if issue.difference else ABSENT,
                scale.ends(issue.difference, is_move=True),
                f"{share(before.negative)} of {count(before.rows)}" if before else ABSENT,
                f"{share(after.negative)} of {count(after.rows)}" if after else ABSENT,
                phrase_words(issue),
            )
        )
    columns = (
        "where",
        "what",
        "since",
        "how sure (corrected p)",
        "change of the mean",
        "95 % interval",
        "negative before",
        "negative since",
        "its negative texts say",
    )
    return Table("What got worse lately, the surest first", columns, tuple(rows))


def example_table(caption: str, examples: Sequence[Example], insights: Insights, *, with_group: bool = False) -> Table:
    """Rows to read."""
    scale, windows = Scale.of(insights), insights.windows
    rows = tuple(
        (
            count(one.line),
            ABSENT if one.day is None or windows is None else windows.day(one.day),
            *((name_words(one.group) if one.group is not None else ABSENT,) if with_group else ()),
            scale.level(one.value),
            printable(one.text, SHOWN_CHARACTERS),
        )
        for one in examples
    )
    groups = (printable(insights.file.columns.by or ""),) if with_group else ()
    return Table(caption, ("line", "date", *groups, "sentiment", "text"), rows)


def movement_table(caption: str, what: str, movements: Sequence[Movement], insights: Insights) -> Table:
    """Every group with its levels and what moved."""
    ordered = sorted(movements, key=lambda one: (_ORDER[one.direction], _surest(one), -one.level.rows))
    rows = tuple(_movement_row(one, insights) for one in ordered[:_SHOWN_GROUPS])
    over_time = _TIME_COLUMNS if insights.windows is not None else ()
    return Table(caption, (printable(what), *over_time, *_LEVEL_COLUMNS), rows, True)


def _movement_row(one: Movement, insights: Insights) -> tuple[str, ...]:
    scale = Scale.of(insights)
    level = (
        count(one.level.rows),
        scale.level(one.level.mean.value),
        scale.ends(one.level.mean),
        share(one.level.negative),
        share_ends(one.level.negative),
    )
    if insights.windows is None:
        return (name_words(one.name), *level)
    return (
        name_words(one.name),
        DIRECTIONS[one.direction],
        scale.moved(one.difference.value) if one.difference else ABSENT,
        scale.ends(one.difference, is_move=True),
        number(one.p, 2),
        changes_words(one, insights),
        number(one.change_p, 2),
        number(one.corrected, 2),
        count(one.before.rows if one.before else 0),
        count(one.latest.rows if one.latest else 0),
        *level,
    )


_LEVEL_COLUMNS = ("texts", "mean", "95 % interval", "negative", "95 % interval of the share")
_TIME_COLUMNS = (
    "judgement",
    "latest less before",
    "95 % interval of the difference",
    "p of it",
    "level changed on (by)",
    "p of a change",
    "corrected p of both",
    "texts before",
    "texts latest",
)
_ORDER = {"worse": 0, "better": 1, "unmoved": 2, "few": 3, "undated": 4}


def _surest(one: Movement) -> float:
    return 1.0 if one.corrected is None else one.corrected


def phrase_table(caption: str, found: Sequence[Contrast], here: str, there: str) -> Table:
    """Phrases that one side has more often."""
    rows = tuple(
        (
            printable(one.name),
            count(one.here),
            share(one.here_share),
            share(one.there_share),
            f"{one.z:.1f}",
            number(one.corrected, 2),
        )
        for one in found
    )
    return Table(caption, ("phrase", "texts", f"of {here}", f"of {there}", "z", "p"), rows)
