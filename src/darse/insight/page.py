"""Insights to one HTML page: what got worse lately first, then everything that it stands on."""

from __future__ import annotations

from collections.abc import Sequence

from darse.amounts import plural
from darse.data.check import describe_reading
from darse.insight.charts import group_map, level_chart, moved_chart, volume_chart
from darse.insight.insights import Insights
from darse.insight.movement import ERROR_RATE, Movement
from darse.insight.tables import example_table, issue_table, movement_table, phrase_table
from darse.insight.words import Scale, badge_sentence, badge_words, name_words, share, share_ends
from darse.names import printable
from darse.report.key_figures import KeyFigure
from darse.report.page import Badge, Page, render_page
from darse.report.parts import ABSENT, Columns, Notes, Pairs, Part, Section
from darse.report.words import count

_MOST_STORIES = 8
"""Issues whose rows are shown."""
_SHOWN_OUTSIDE = 200


def render_insights(insights: Insights) -> str:
    """The page of some insights; nothing in it is loaded from anywhere."""
    name, (words, tone) = printable(insights.file.path.name, 120), badge_words(insights)
    return render_page(
        Page(
            title=f"{words} – {name} – DARSE insights",
            mark="DARSE insights",
            name=name,
            about=about(insights),
            lead="How much there is, how good it is lately, and what moved.",
            figures=_figures(insights),
            sections=tuple(_sections(insights)),
            badge=Badge(tone, words, badge_sentence(insights)),
            cautions=tuple(cautions(insights)),
        )
    )


def about(insights: Insights) -> str:
    """What was read, one line."""
    windows, by = insights.windows, insights.file.columns.by
    words = plural(len(insights.rows), "text")
    if by is not None:
        words += f" by {printable(by)} ({plural(len(insights.rows.group_names), 'group')})"
    if windows is None:
        return f"{words}."
    return (
        f"{words}, {windows.day(windows.first)} to {windows.day(windows.last)}. Latest: {windows.latest_name}, held against"
        f" {windows.before_name}."
    )


def cautions(insights: Insights) -> list[str]:
    """What qualifies everything."""
    rows, found = insights.rows, []
    if rows.misdated.amount:
        found.append(
            f"{plural(rows.misdated.amount, 'date')} cannot be read ({printable(rows.misdated.first, _SHOWN_OUTSIDE)});"
            " their rows count everywhere but over time."
        )
    if rows.rejected.amount:
        found.append(
            f"{plural(rows.rejected.amount, 'row')} of {rows.read:,} cannot be used and are left out"
            f" ({printable(rows.rejected.first, _SHOWN_OUTSIDE)})."
        )
    if insights.texts < len(rows):
        found.append(
            f"Phrases and rows to read are from {insights.texts:,} texts drawn at random; all other figures are of all rows."
        )
    return found


def _figures(insights: Insights) -> tuple[KeyFigure, ...]:
    (whole,), groups, scale = insights.of("all"), insights.of("group"), Scale.of(insights)
    level, when = (whole.latest, "lately") if whole.latest is not None else (whole.level, "in all")
    before = whole.before
    figures = [
        KeyFigure(
            f"Negative {when}",
            share(level.negative),
            f"95 % interval {share_ends(level.negative)}" + (f"; {share(before.negative)} before" if before else ""),
        ),
        KeyFigure(
            f"Mean {when}",
            scale.level(level.mean.value),
            f"95 % interval {scale.ends(level.mean)}"
            + (f"; {scale.level(before.mean.value)} before" if before else ""),
        ),
        KeyFigure("Texts", count(len(insights.rows)), f"{count(level.rows)} {when}"),
    ]
    if insights.windows is not None and groups:
        figures += [
            _group_figure("Groups that got worse", "worse", groups),
            _group_figure("Groups that got better", "better", groups),
            _few_figure(groups, insights),
        ]
    return tuple(figures)


def _group_figure(label: str, direction: str, groups: Sequence[Movement]) -> KeyFigure:
    moved = [name_words(one.name) for one in groups if one.direction == direction]
    tested = sum(one.p is not None for one in groups)
    names = ", ".join(moved[:3]) + (f" and {len(moved) - 3} more" if len(moved) > 3 else "")
    return KeyFigure(label, count(len(moved)), names or f"none is shown among {count(tested)}")


def _few_figure(groups: Sequence[Movement], insights: Insights) -> KeyFigure:
    few = sum(one.direction in {"few", "undated"} for one in groups)
    return KeyFigure(
        "Groups with too few rows",
        count(few),
        f"fewer than {insights.asked.few} dated rows, or than 5 in the latest time or before it; they are not judged",
    )


def _sections(insights: Insights) -> list[Section]:
    found = []
    if insights.windows is not None:
        found += [_issues(insights), _time(insights)]
    if insights.of("group"):
        found.append(_groups("group", insights))
    found.append(_phrases(insights))
    if insights.of("language"):
        found.append(_groups("language", insights))
    return [*found, _reading(insights), _data(insights)]


def _issues(insights: Insights) -> Section:
    assert insights.windows is not None, "asked above"
    parts: list[Part] = []
    if insights.issues:
        parts.append(issue_table(insights))
    moved = [one for one in insights.movements if one.direction in {"worse", "better"}]
    if moved:
        parts.append(moved_chart(sorted(moved, key=lambda one: one.direction == "better"), insights))
    for issue in insights.issues[:_MOST_STORIES]:
        about_phrase = f", “{printable(issue.phrase.name)}”" if issue.phrase else ""
        caption = f"{name_words(issue.group)}{about_phrase}: rows to read, since {insights.windows.day(issue.since)}"
        parts.append(example_table(caption, issue.examples, insights, with_group=issue.dimension != "group"))
    if not insights.issues:
        parts.append(
            Notes(("Nothing is shown. That is no proof that nothing is there: small changes need many rows.",))
        )
    return Section(
        "issues",
        "What got worse lately",
        "Groups whose level fell, and phrases that negative texts have more often. All p-values are corrected for "
        f"everything that was asked: of what is listed, {ERROR_RATE:.0%} is expected to be chance.",
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
        ordered = sorted(movements, key=lambda one: (one.direction not in {"worse", "better"}, -one.level.rows))
        parts.append(group_map(ordered, what, insights))
    parts.append(movement_table(f"Every {printable(what)}; press a heading to sort", what, movements, insights))
    title = "Groups" if dimension == "group" else "Languages"
    lead = f"By {printable(what)}. A judgement needs {insights.asked.few} dated rows, and 5 on either side."
    return Section(dimension, title, lead, tuple(parts))


def _phrases(insights: Insights) -> Section:
    parts: list[Part] = [
        Columns(
            (
                phrase_table("More often in negative texts", insights.negative, "negative", "positive"),
                phrase_table("More often in positive texts", insights.positive, "positive", "negative"),
            )
        )
    ]
    if insights.windows is not None:
        parts.append(
            Columns(
                (
                    phrase_table("More often lately", insights.latest, "latest", "before"),
                    phrase_table("Less often lately", insights.earlier, "before", "latest"),
                )
            )
        )
    parts.append(
        Notes(
            (
                "Overlapping phrases of the same texts are listed once. z is the log-odds ratio in standard errors, with an "
                "informative Dirichlet prior (Monroe, Colaresi and Quinn 2008); p is of Fisher's exact test, corrected for "
                "all phrases. An empty table means that no phrase is shown to differ.",
            )
        )
    )
    return Section(
        "phrases", "What texts say", "Phrases of one to three words, by the texts that have them.", tuple(parts)
    )


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
    undated = int((rows.days == 0).sum()) - rows.misdated.amount
    items = [
        ("file", printable(str(file.path), _SHOWN_OUTSIDE)),
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


def _reasons(reasons: object) -> str:
    found = reasons.items() if isinstance(reasons, dict) else ()
    return "; ".join(f"{printable(reason, _SHOWN_OUTSIDE)}: {amount:,}" for reason, amount in found) or ABSENT


_METHOD = Notes(
    (
        "Two questions are asked of each group with rows enough. Is the mean of the latest time another than before? Welch's "
        "t test, or with fewer than 100 rows on a side a shuffle test. Is there a change of level anywhere? The largest jump "
        "against that of the same values in shuffled order; where it is shown, ruptures finds the place by least squares.",
        "Both p-values of all groups are corrected together (Benjamini and Hochberg 1995). A group is worse or better only "
        "where a corrected p-value is 0.05 or less.",
        "Intervals: Student's t for means, Wilson's for shares, Welch's t (with one common spread below 100 rows) for "
        "differences. The interval of a jump does not know that its place was searched for, so it is a little too kind.",
        "The tests take rows as independent. Rows that come in bursts, such as one campaign or one thread, count for more than "
        "they should.",
    )
)
