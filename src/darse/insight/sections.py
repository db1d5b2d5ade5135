"""Insights to the sections of their page, what got worse lately first."""

from __future__ import annotations

from collections.abc import Mapping

from darse.data.check import describe_reading
from darse.insight.changes import FEWEST_ROWS
from darse.insight.charts import group_map, level_chart, moved_chart, volume_chart
from darse.insight.insights import Insights
from darse.insight.rows import NO_DAY
from darse.insight.tables import example_table, issue_table, movement_table, phrase_table
from darse.insight.words import name_words
from darse.names import printable
from darse.report.parts import ABSENT, Columns, Notes, Pairs, Part, Section, Table
from darse.report.words import count

_MOST_STORIES = 8
"""Issues whose rows are shown."""
_SHOWN_OUTSIDE = 200
_MOVED = frozenset({"worse", "better"})
_QUIET = Notes(("Nothing is shown. That is no proof that nothing is there: small changes need many rows.",))
_PHRASES = Notes(
    (
        "Overlapping phrases of the same texts are listed once. z is the log-odds ratio in standard errors, with an "
        "informative Dirichlet prior (Monroe, Colaresi and Quinn 2008); p is of Fisher's exact test, corrected for all "
        "phrases.",
    )
)
_METHOD = Notes(
    (
        "Two questions are asked of each group with rows enough. Is the mean of the latest time another than before? "
        "Welch's t test, or with fewer than 100 rows on a side a shuffle test. Is there a change of level anywhere? "
        "The largest jump against that of the same values in shuffled order; where it is shown, ruptures finds its "
        "place by least squares.",
        "The p-value of a group is twice the smaller of the two, and those of all groups are corrected together "
        "(Benjamini and Hochberg 1995). A group is worse or better only where that is 0.05 or less and the move is a "
        "twentieth of a standard deviation or more.",
        "Intervals: Student's t for means, Wilson's for shares, Welch's t (with one common spread below 100 rows) for "
        "differences. The interval of a jump does not know that its place was searched for: it is a little too kind.",
        "The tests take rows as independent. Rows that come in bursts, such as one campaign or one thread, count for "
        "more than they should.",
    )
)


def sections(insights: Insights) -> tuple[Section, ...]:
    """Everything below the key figures.

    Args:
        insights: What was found.
    """
    found = []
    if insights.windows is not None:
        found += [_issues(insights), _time(insights)]
    if insights.of("group"):
        found.append(_groups("group", insights))
    found.append(_phrases(insights))
    if insights.of("language"):
        found.append(_groups("language", insights))
    return (*found, _reading(insights), _data(insights))


def _issues(insights: Insights) -> Section:
    assert insights.windows is not None, "asked above"
    parts: list[Part] = []
    if insights.issues:
        parts.append(issue_table(insights))
    moved = [one for one in insights.movements if one.direction in _MOVED]
    if moved:
        parts.append(moved_chart(sorted(moved, key=lambda one: one.direction == "better"), insights))
    for issue in insights.issues[:_MOST_STORIES]:
        about_phrase = f", “{printable(issue.phrase.name)}”" if issue.phrase else ""
        caption = f"{name_words(issue.group)}{about_phrase}: rows to read, since {insights.windows.day(issue.since)}"
        parts.append(example_table(caption, issue.examples, insights, with_group=issue.dimension != "group"))
    if not insights.issues:
        parts.append(_QUIET)
    return Section(
        "issues",
        "What got worse lately",
        "Groups whose level fell, and phrases that negative texts have more often. p-values are corrected for all that "
        "was asked: of files in which nothing changes, one in twenty gets a group listed, one in a hundred a phrase.",
        tuple(parts),
    )


def _time(insights: Insights) -> Section:
    (whole,) = insights.of("all")
    return Section(
        "time",
        "Over time",
        "All rows with a date together.",
        (level_chart(whole, insights), volume_chart(whole, insights)),
    )


def _groups(dimension: str, insights: Insights) -> Section:
    columns, movements = insights.file.columns, insights.of(dimension)
    what = (columns.by if dimension == "group" else columns.lang) or dimension
    parts: list[Part] = []
    if insights.windows is not None and dimension == "group" and any(one.points for one in movements):
        ordered = sorted(movements, key=lambda one: (one.direction not in _MOVED, -one.level.rows))
        parts.append(group_map(ordered, what, insights))
    parts.append(movement_table(f"Every {printable(what)}; press a heading to sort", what, movements, insights))
    title = "Groups" if dimension == "group" else "Languages"
    lead = f"By {printable(what)}."
    if insights.windows is not None:
        lead += (
            f" A judgement needs {insights.asked.few} dated rows, and {FEWEST_ROWS} in the latest time and before it."
        )
    return Section(dimension, title, lead, tuple(parts))


def _phrases(insights: Insights) -> Section:
    tables = [
        phrase_table("More often in negative texts", insights.negative, "negative", "positive"),
        phrase_table("More often in positive texts", insights.positive, "positive", "negative"),
    ]
    if insights.windows is not None:
        tables.append(phrase_table("More often lately", insights.latest, "latest", "before"))
        tables.append(phrase_table("Less often lately", insights.earlier, "before", "latest"))
    shown: tuple[Table, ...] = tuple(table for table in tables if table.rows)
    missing = [table.caption.casefold() for table in tables if not table.rows]
    parts: list[Part] = (
        [Columns(shown[:2]), Columns(shown[2:])] if len(shown) > 2 else [Columns(shown)] if shown else []
    )
    if missing:
        parts.append(Notes((f"No phrase is shown to be {', or '.join(missing)}.",)))
    lead = "Phrases of one to three words, by the texts that have them."
    return Section("phrases", "What texts say", lead, (*parts, _PHRASES))


def _reading(insights: Insights) -> Section:
    with_group = insights.file.columns.by is not None
    when = "of the latest time" if insights.windows is not None else "of all"
    return Section(
        "reading",
        "Rows to read",
        "Figures do not replace reading. Lines are those of the file.",
        tuple(
            example_table(f"The {kind} {when}", examples, insights, with_group=with_group)
            for kind, examples in (("worst", insights.worst), ("best", insights.best))
            if examples
        ),
    )


def _data(insights: Insights) -> Section:
    rows, file, windows = insights.rows, insights.file, insights.windows
    undated = int((rows.days == NO_DAY).sum()) - rows.misdated.amount
    items = [
        ("file", printable(file.name, _SHOWN_OUTSIDE)),
        ("columns", file.columns.words),
        ("sentiment", "; ".join(rows.sentiment.words)),
        ("read with", describe_reading(file.how_read) or ABSENT),
        ("rows read", count(rows.read)),
        ("rows used", count(len(rows))),
        ("left out", _reasons(rows.rejected.reasons)),
    ]
    if file.columns.time is not None:
        items += [("rows without a date", count(undated)), ("dates not read", _reasons(rows.misdated.reasons))]
    if windows is not None:
        items += [
            ("period", windows.period + (" (chosen)" if windows.is_chosen else "")),
            ("latest time", windows.latest_name),
            ("held against", windows.before_name),
            ("a change is of lately", f"from {windows.day(windows.recent)} on"),
        ]
    return Section(
        "data", "Data and method", "What was read, and how the figures are computed.", (Pairs(tuple(items)), _METHOD)
    )


def _reasons(reasons: Mapping[str, int]) -> str:
    told = (f"{printable(reason, _SHOWN_OUTSIDE)}: {amount:,}" for reason, amount in reasons.items())
    return "; ".join(told) or ABSENT
