"""Insights to charts: the level over time, the amount of texts, groups by period, and the groups that moved."""

from __future__ import annotations

from collections.abc import Sequence

from darse.insight.insights import Insights
from darse.insight.movement import Movement, Point
from darse.insight.periods import period_name, period_start
from darse.insight.windows import Windows
from darse.insight.words import Scale, name_words, share, share_ends
from darse.names import printable
from darse.report.figures import axis, bar_scale, figure, named_axis, text
from darse.report.parts import ABSENT, Chart, Figure, Table
from darse.report.words import count

SENTIMENT_SCALE: Sequence[tuple[float, str]] = ((0.0, "@worse"), (0.5, "@low"), (1.0, "@better"))
_COLOURS = {"worse": "@worse", "better": "@better"}
_PANEL = 120
_MOST_PANELS = 6
_MOST_ROWS = 40
_GAP = 0.28


def level_chart(whole: Movement, insights: Insights) -> Chart:
    """The mean of all rows over time with its interval."""
    windows, scale = _windows(insights), Scale.of(insights)
    return Chart(
        "level",
        f"The mean of each {windows.period} with its 95 % interval (Student's t); the latest time is shaded.",
        f"Line chart of the mean sentiment by {windows.period}",
        figure(
            _line(whole, windows, scale, "", "@accent"),
            shapes=[_latest_band(windows)],
            xaxis=axis("", type="date", nticks=8, showgrid=False),
            yaxis=axis("mean sentiment", nticks=6),
            showlegend=False,
        ),
        _point_table("Level and amount by period", whole.points, windows, scale),
    )


def volume_chart(whole: Movement, insights: Insights) -> Chart:
    """How many texts there are in each period, the negative ones apart."""
    windows, scale = _windows(insights), Scale.of(insights)
    points = whole.points
    negative = [round(one.level.negative.value * one.level.rows) for one in points]
    others = [one.level.rows - bad for one, bad in zip(points, negative, strict=True)]
    told = [
        f"{period_name(one.number, windows.period)}: {share(one.level.negative)} of {count(one.level.rows)} negative"
        f" ({share_ends(one.level.negative)})"
        for one in points
    ]
    traces = [
        {
            "type": "bar",
            "name": name,
            "x": _middles(points, windows),
            "y": amounts,
            "text": told,
            "textposition": "none",
            "marker": {"color": colour},
            "hovertemplate": "%{text}<extra></extra>",
        }
        for name, amounts, colour in (("negative", negative, "@worse"), ("all others", others, "@grey"))
    ]
    return Chart(
        "volume",
        "How many texts there are, and how many of them are negative. More texts with the same share are more talk, "
        "not worse talk.",
        f"Bar chart of the texts by {windows.period}, negative ones apart",
        figure(
            traces,
            barmode="stack",
            bargap=0.25,
            xaxis=axis("", type="date", nticks=8, showgrid=False),
            yaxis=axis("texts", nticks=5),
        ),
        _point_table("Amount and share by period", points, windows, scale),
        height=260,
    )


def moved_chart(moved: Sequence[Movement], insights: Insights) -> Chart:
    """A panel for each group that moved: its level over time, and when it changed."""
    windows, scale = _windows(insights), Scale.of(insights)
    shown = moved[:_MOST_PANELS]
    traces: list[Figure] = []
    layout: dict[str, object] = {}
    shapes: list[Figure] = []
    notes: list[Figure] = []
    for place, one in enumerate(shown):
        suffix = "" if place == 0 else str(place + 1)
        bottom = 1 - (place + 1) / len(shown)
        domain = [bottom, bottom + (1 - _GAP) / len(shown)]
        layout[f"yaxis{suffix}"] = axis("", nticks=4, domain=domain, zeroline=True)
        traces += _line(one, windows, scale, suffix, _COLOURS.get(one.direction, "@accent"))
        shapes += [_moment(change.day, windows, domain) for change in one.changes]
        notes.append(_heading(one, domain[1]))
    layout["xaxis"] = axis("", type="date", nticks=8, showgrid=False, anchor="free", position=0)
    rows = tuple(
        (name_words(one.name), period_name(point.number, windows.period), *_point_cells(point, scale))
        for one in shown
        for point in one.points
    )
    return Chart(
        "moved",
        f"The mean of each {windows.period} with its 95 % interval; a dashed line is where the level changed.",
        f"Line charts of the {len(shown)} groups that moved",
        figure(traces, shapes=shapes, annotations=notes, showlegend=False, **layout),
        Table("Groups that moved, by period", ("group", "period", *_POINT_COLUMNS), rows),
        height=60 + _PANEL * len(shown),
    )


def group_map(groups: Sequence[Movement], what: str, insights: Insights) -> Chart:
    """A row for each group, a column for each period, coloured by the mean."""
    windows, scale, sentiment = _windows(insights), Scale.of(insights), insights.rows.sentiment
    shown = groups[:_MOST_ROWS]
    numbers = sorted({point.number for one in shown for point in one.points})
    points = [{point.number: point for point in one.points} for one in shown]
    cells = [[one.get(number) for number in numbers] for one in points]
    middle = (sentiment.low + sentiment.high) / 2
    reach = max(abs(cell.level.mean.value - middle) for row in cells for cell in row if cell is not None) or 1.0
    trace = {
        "type": "heatmap",
        "x": list(range(len(numbers))),
        "z": [[None if one is None else round(one.level.mean.value, 4) for one in row] for row in cells],
        "zmin": middle - reach,
        "zmax": middle + reach,
        "xgap": 2,
        "ygap": 2,
        "colorscale": SENTIMENT_SCALE,
        "colorbar": bar_scale("mean sentiment"),
        "text": [
            [_told(one, group.name, windows, scale) for one in row] for group, row in zip(shown, cells, strict=True)
        ],
        "hovertemplate": "%{text}<extra></extra>",
        "hoverongaps": False,
    }
    names = [period_name(number, windows.period) for number in numbers]
    step = max(1, len(names) // 8)
    ticks = {"tickmode": "array", "tickvals": list(range(0, len(names), step)), "ticktext": names[::step]}
    more = f" The {len(shown)} shown have the most texts or moved." if len(groups) > len(shown) else ""
    rows = tuple(
        (name_words(group.name), *(ABSENT if one is None else scale.level(one.level.mean.value) for one in row))
        for group, row in zip(shown, cells, strict=True)
    )
    return Chart(
        "groups",
        f"Each cell is the mean of one {windows.period}; point at it for texts and interval. Few texts give strong "
        f"colours by chance: the table tells which groups moved.{more}",
        f"Heat-map of the mean sentiment of {len(shown)} groups by {windows.period}",
        figure(
            [trace],
            xaxis=axis("", zeroline=False, showgrid=False, **ticks),
            yaxis=named_axis("", [one.name for one in shown], autorange="reversed", showgrid=False),
        ),
        Table(f"Mean by {printable(what)} and {windows.period}", (printable(what), *names), rows),
        height=110 + 30 * len(shown),
    )


def _windows(insights: Insights) -> Windows:
    assert insights.windows is not None, "charts over time need dates"
    return insights.windows


def _middles(points: Sequence[Point], windows: Windows) -> list[str]:
    """Where a period stands on an axis of days: in its middle, so that days within it are left and right of it."""
    ends = [
        [period_start(number, windows.period).toordinal() for number in (one.number, one.number + 1)] for one in points
    ]
    return [windows.day((start + end) // 2) for start, end in ends]


def _line(one: Movement, windows: Windows, scale: Scale, suffix: str, colour: str) -> list[Figure]:
    """A line of means over a band of intervals."""
    points = one.points
    known = [point for point in points if point.level.mean.low is not None and point.level.mean.high is not None]
    middles = _middles(known, windows)
    axes = {"yaxis": f"y{suffix}"}
    lows, highs = ([getattr(point.level.mean, end) for point in known] for end in ("low", "high"))
    band = {
        "type": "scatter",
        "mode": "lines",
        "x": [*middles, *middles[::-1]],
        "y": [*highs, *lows[::-1]],
        "fill": "toself",
        "fillcolor": colour,
        "opacity": 0.18,
        "line": {"width": 0, "color": colour},
        "hoverinfo": "skip",
        **axes,
    }
    line = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": _middles(points, windows),
        "y": [round(point.level.mean.value, 4) for point in points],
        "line": {"color": colour, "width": 2},
        "marker": {"color": colour, "size": 6},
        "text": [_told(point, one.name, windows, scale) for point in points],
        "hovertemplate": "%{text}<extra></extra>",
        **axes,
    }
    return [band, line]


def _told(point: Point | None, name: str, windows: Windows, scale: Scale) -> str:
    if point is None:
        return ""
    mean = point.level.mean
    return (
        f"{text(name)}, {period_name(point.number, windows.period)}: {scale.level(mean.value)}"
        f" ({scale.ends(mean)}), {count(point.level.rows)} texts"
    )


def _latest_band(windows: Windows) -> Figure:
    start = period_start(windows.number(windows.latest), windows.period).isoformat()
    return {
        "type": "rect",
        "layer": "below",
        "x0": start,
        "x1": windows.day(windows.last),
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "fillcolor": "@gold",
        "opacity": 0.15,
        "line": {"width": 0, "color": "@gold"},
    }


def _moment(day: int, windows: Windows, domain: Sequence[float]) -> Figure:
    return {
        "type": "line",
        "x0": windows.day(day),
        "x1": windows.day(day),
        "y0": domain[0],
        "y1": domain[1],
        "yref": "paper",
        "line": {"color": "@soft", "width": 1.5, "dash": "dash"},
    }


def _heading(one: Movement, top: float) -> Figure:
    return {
        "text": f"{text(one.name)}: {one.direction}",
        "x": 0,
        "xref": "paper",
        "xanchor": "left",
        "y": top,
        "yref": "paper",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"size": 13, "color": _COLOURS.get(one.direction, "@ink")},
    }


_POINT_COLUMNS = ("mean", "95 % interval", "texts", "negative", "95 % interval of the share")


def _point_cells(point: Point, scale: Scale) -> tuple[str, ...]:
    level = point.level
    return (
        scale.level(level.mean.value),
        scale.ends(level.mean),
        count(level.rows),
        share(level.negative),
        share_ends(level.negative),
    )


def _point_table(caption: str, points: Sequence[Point], windows: Windows, scale: Scale) -> Table:
    rows = tuple((period_name(one.number, windows.period), *_point_cells(one, scale)) for one in points)
    return Table(caption, ("period", *_POINT_COLUMNS), rows)
