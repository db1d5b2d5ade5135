"""Insights to one HTML page: what got worse lately first, then everything that it stands on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from darse.amounts import plural
from darse.insight.changes import FEWEST_ROWS
from darse.insight.insights import Insights
from darse.insight.movement import Movement
from darse.insight.sections import sections
from darse.insight.words import Scale, badge_sentence, badge_words, name_words, share, share_ends
from darse.names import printable
from darse.report.key_figures import KeyFigure
from darse.report.page import Badge, Page, render_page
from darse.report.words import count

_SHOWN_OUTSIDE = 200


def render_insights(insights: Insights) -> str:
    """The page of some insights; nothing in it is loaded from anywhere."""
    name, (words, tone) = printable(Path(insights.file.name).name, 120), badge_words(insights)
    return render_page(
        Page(
            title=f"{words} – {name} – DARSE insights",
            mark="DARSE insights",
            name=name,
            about=about(insights),
            lead="How much there is, and how good it is.",
            figures=_figures(insights),
            sections=sections(insights),
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
        f"{words}, {windows.day(windows.first)} to {windows.day(windows.last)}. Latest: {windows.latest_name}, held"
        f" against {windows.before_name}."
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
            f"Of {plural(rows.read, 'row')} {rows.rejected.amount:,} cannot be used"
            f" ({printable(rows.rejected.first, _SHOWN_OUTSIDE)})."
        )
    if insights.texts < len(rows):
        found.append(
            f"Phrases and rows to read are from {insights.texts:,} texts drawn at random; all else is of all rows."
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
        KeyFigure(
            "Texts", count(len(insights.rows)), f"{count(level.rows)} {when}, of {plural(insights.rows.read, 'row')}"
        ),
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
        f"not judged: below {insights.asked.few} dated rows, or {FEWEST_ROWS} in the latest time or before it",
    )
