"""The colours of the page and of its charts, light and dark; one table for CSS and plotly.js alike."""

from __future__ import annotations

from collections.abc import Mapping

from darse.report.facts import FOUND
from darse.search.controls import BEST_LAYER_WISE, BEST_UNIFORM, EQUAL_COST, HEAD_ALONE, SHUFFLED

LIGHT: Mapping[str, str] = {
    "page": "#f5f7f9",
    "surface": "#ffffff",
    "ink": "#1b2430",
    "soft": "#566373",
    "line": "#dde2e8",
    "grid": "#e8ecf0",
    "accent": "#0a6a94",
    "uniform": "#b2541a",
    "equal": "#6a4da3",
    "shuffled": "#4a7a2c",
    "grey": "#76828f",
    "gold": "#a87400",
    "band": "#0a6a94",
    "better": "#1b7443",
    "smaller": "#0a6a94",
    "no_difference": "#4d5b6c",
    "worse": "#b3261e",
    "on_badge": "#ffffff",
    "caution": "#fff5dc",
    "caution_ink": "#664700",
    "low": "#eef2f5",
    "middle": "#86bad1",
    "high": "#0b4f6f",
    "below": "#c9793a",
}
DARK: Mapping[str, str] = {
    "page": "#11161c",
    "surface": "#19202a",
    "ink": "#e5eaf0",
    "soft": "#a5b1c0",
    "line": "#313c4a",
    "grid": "#29333f",
    "accent": "#55b6de",
    "uniform": "#e79b5d",
    "equal": "#b79ee4",
    "shuffled": "#96c576",
    "grey": "#93a0b0",
    "gold": "#dfb24a",
    "band": "#55b6de",
    "better": "#6fce97",
    "smaller": "#66bfe4",
    "no_difference": "#a9b6c6",
    "worse": "#ff9a8f",
    "on_badge": "#10161d",
    "caution": "#33290f",
    "caution_ink": "#f3d68c",
    "low": "#27313d",
    "middle": "#2d7fa5",
    "high": "#a9e1f8",
    "below": "#d58a4c",
}
PLAN_COLOURS: Mapping[str, str] = {
    FOUND: "@accent",
    BEST_UNIFORM: "@uniform",
    EQUAL_COST: "@equal",
    SHUFFLED: "@shuffled",
    BEST_LAYER_WISE: "@gold",
    HEAD_ALONE: "@grey",
}


def css_variables(palette: Mapping[str, str]) -> str:
    """The palette as custom properties.

    >>> css_variables({"on_badge": "#fff"})
    '--on-badge:#fff;'
    """
    return "".join(f"--{name.replace('_', '-')}:{colour};" for name, colour in palette.items())
