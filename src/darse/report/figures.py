"""Axes, layouts and safe texts for plotly.js figures; every chart of the report is built from these."""

from __future__ import annotations

import html
import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence

from darse.names import printable
from darse.ranks.plan import Site
from darse.report.parts import Figure
from darse.report.words import layer_numbers

_NAMED_SITES = 12
_TICK_CHARACTERS = 16
_FEW_VALUES = 10
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def figure(traces: Sequence[Figure], **layout: object) -> Figure:
    """A figure in the report's style; `layout` adds to it."""
    return {"data": list(traces), "layout": {**_STYLE, **layout}}


def axis(title: str, **extra: object) -> dict[str, object]:
    """An axis with a title."""
    return {
        "title": {"text": title, "standoff": 8, "font": {"size": 12, "color": "@soft"}},
        "automargin": True,
        "ticks": "",
        "gridcolor": "@grid",
        "linecolor": "@line",
        "zerolinecolor": "@line",
        "tickfont": {"size": 12, "color": "@soft"},
        **extra,
    }


def text(outside: str, limit: int = 60) -> str:
    """Text from outside for a chart: plotly.js reads a little HTML in every text, so none is left in it.

    >>> text("<a href='x'>good</a>")
    '&lt;a href=&#x27;x&#x27;&gt;good&lt;/a&gt;'
    """
    return html.escape(printable(outside, limit))


def tick(outside: str) -> str:
    """Text from outside for a tick: broken into short lines.

    >>> tick("uniform of equal cost")
    'uniform of equal<br>cost'
    """
    lines = textwrap.wrap(printable(outside, 3 * _TICK_CHARACTERS), _TICK_CHARACTERS) or [""]
    return "<br>".join(map(html.escape, lines))


def named_axis(title: str, names: Iterable[str], **extra: object) -> dict[str, object]:
    """An axis with a name at each whole number, so that names that look like numbers or dates stay names."""
    ticks = [tick(name) for name in names]
    return axis(title, tickmode="array", tickvals=list(range(len(ticks))), ticktext=ticks, zeroline=False, **extra)


def site_axis(sites: Sequence[Site], **extra: object) -> dict[str, object]:
    """An axis over the sites: layer numbers, names if they are few, else places."""
    extra = {"range": [-0.5, len(sites) - 0.5], **extra}
    if layer_numbers(sites):
        title, numbered = "layer (0 is nearest the input)", True
    else:
        title, numbered = "site, from input to output", len(sites) > _NAMED_SITES
    if not numbered:
        return named_axis(title, [site.name for site in sites], showgrid=False, **extra)
    return axis(title, zeroline=False, showgrid=False, tickangle=0, **whole_ticks(len(sites)), **extra)


def whole_ticks(amount: int, *, first: int = 0) -> dict[str, object]:
    """Ticks at whole numbers, as many as have room."""
    return {"tick0": first, "dtick": max(1, math.ceil(amount / 16)), "tickformat": "d"}


def finite(values: Iterable[float | None]) -> list[float | None]:
    """Values with None for what cannot be drawn."""
    return [value if value is not None and math.isfinite(value) else None for value in values]


def frame(groups: Iterable[Iterable[float | None]]) -> tuple[float, float] | None:
    """How far an axis has to reach so that a few extreme values do not flatten the others; None if it needs no cut.

    Args:
        groups: Values that are alike; of each, most stay inside the frame, and all of a small one.
    """
    known = [sorted(value for value in finite(group) if value is not None) for group in groups]
    known = [group for group in known if group]
    if not known:
        return None
    reach = max(min(group[-1], _reach(group)) for group in known)
    low = min(group[0] for group in known)
    if all(group[-1] <= reach for group in known):
        return None
    pad = 0.06 * (reach - low)
    return low - pad, reach + pad


def _reach(group: Sequence[float]) -> float:
    if len(group) < _FEW_VALUES:
        return group[-1]
    most = group[math.ceil(0.9 * len(group)) - 1]
    return most + 1.5 * (most - group[0])


def band(x: tuple[object, object], y: tuple[object, object], colour: str, **extra: object) -> dict[str, object]:
    """A shaded rectangle below the marks."""
    return {
        "type": "rect",
        "layer": "below",
        "x0": x[0],
        "x1": x[1],
        "y0": y[0],
        "y1": y[1],
        "fillcolor": colour,
        "line": {"width": 0, "color": colour},
        **extra,
    }


def bar_scale(title: str) -> dict[str, object]:
    """The legend of a heat-map, above it."""
    return {
        "title": {"text": title, "side": "top", "font": {"size": 12, "color": "@soft"}},
        "orientation": "h",
        "x": 0,
        "xanchor": "left",
        "y": 1,
        "yanchor": "bottom",
        "len": 0.5,
        "thickness": 10,
        "ypad": 4,
        "xpad": 0,
        "outlinewidth": 0,
        "nticks": 5,
        "tickangle": 0,
        "tickfont": {"size": 11, "color": "@soft"},
    }


RANK_SCALE: Sequence[tuple[float, str]] = ((0.0, "@low"), (0.5, "@middle"), (1.0, "@high"))
LOSS_SCALE: Sequence[tuple[float, str]] = ((0.0, "@below"), (0.5, "@low"), (1.0, "@high"))
LEGEND: Mapping[str, object] = {
    "orientation": "h",
    "x": 0,
    "xanchor": "left",
    "y": 1.02,
    "yanchor": "bottom",
    "font": {"size": 12, "color": "@ink"},
    "bgcolor": "rgba(0,0,0,0)",
    "itemsizing": "constant",
    "traceorder": "normal",
}
_STYLE: Figure = {
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "font": {"family": _FONT, "size": 13, "color": "@ink"},
    "hoverlabel": {"bgcolor": "@surface", "bordercolor": "@line", "font": {"color": "@ink", "family": _FONT}},
    "margin": {"l": 8, "r": 12, "t": 12, "b": 8},
    "dragmode": False,
    "hovermode": "closest",
    "legend": LEGEND,
    "showlegend": True,
}
