"""What a page shows to its HTML: around the content stand the name of the page, the way to others, and the theme."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from darse.report.assets import templates
from darse.ui.query import Query
from darse.ui.static import static_files

THEMES = ("light", "dark")
THEME_COOKIE = "darse_theme"
_PACKAGES = ("darse.ui", "darse.report")
_PLACES = (
    ("Studies", "/"),
    ("History", "/history"),
    ("Compare", "/compare"),
    ("Baselines and gates", "/gates"),
    ("Served texts", "/served"),
    ("Try a text", "/try"),
)

Links = Callable[[str, str], str]
"""The address of a chart's data, from its name and `json` or `csv`."""


@dataclass(frozen=True)
class Frame:
    """What stands around the content of a page.

    Attributes:
        query: Its address.
        theme: `light`, `dark`, or empty for that of the system.
        heading: Of the page.
        title: Of the browser's window; the heading by default.
        about: A line below the heading.
        above: The page above: its name and address.
        tabs: Pages beside it: name, address, and whether it is the one.
        has_charts: Whether plotly.js is needed.
        refresh_s: Seconds after which it is read again where no script runs; 0 for never.
    """

    query: Query
    theme: str
    heading: str
    title: str = ""
    about: str = ""
    above: tuple[str, str] | None = None
    tabs: Sequence[tuple[str, str, bool]] = ()
    has_charts: bool = False
    refresh_s: int = 0


def render(template: str, frame: Frame, links: Links = lambda name, kind: "", **shown: object) -> str:
    """A page.

    Args:
        template: Name of what lays out the content.
        frame: What stands around it.
        links: Where the data of its charts are.
        **shown: What the template needs.
    """
    around = {
        "title": frame.title or frame.heading,
        "heading": frame.heading,
        "about": frame.about,
        "above": frame.above,
        "tabs": frame.tabs,
        "has_charts": frame.has_charts,
        "refresh_s": frame.refresh_s,
        "theme": frame.theme,
        "places": [(text, href, frame.query.path == href) for text, href in _PLACES],
        "themes": _themes(frame),
        "static": _static_paths(),
    }
    return templates(*_PACKAGES).get_template(template).render(frame=around, links=links, **shown)


def _themes(frame: Frame) -> list[tuple[str, str, bool]]:
    named = [("system", "Theme of the system"), ("light", "Light"), ("dark", "Dark")]
    return [(text, frame.query.link(theme=name), (frame.theme or "system") == name) for name, text in named]


def _static_paths() -> Mapping[str, str]:
    return {name: one.path for name, one in static_files().items()}


def theme_of(query: Query, kept: str) -> str:
    """The theme of a page: what its address says, else what was chosen before.

    Args:
        query: The address.
        kept: What the browser has kept.
    """
    said = query.choice("theme", (*THEMES, "system"), "")
    wanted = said or kept
    return wanted if wanted in THEMES else ""
