"""A page of key figures, charts and tables to one HTML file that opens offline, in any browser, years from now."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from markupsafe import Markup

from darse.names import printable
from darse.report.assets import asset, plotly_script, templates
from darse.report.facts import verdict_words
from darse.report.key_figures import KeyFigure, key_figures
from darse.report.parts import Section, charts_of
from darse.report.remarks import cautions
from darse.report.sections import sections
from darse.report.theme import DARK, LIGHT, css_variables
from darse.report.words import task_words
from darse.search.result import Result

_HERE = "darse.report"
_SCRIPTS = ("plots.js", "tables.js", "report.js")


@dataclass(frozen=True)
class Badge:
    """A judgement that stands above everything else.

    Attributes:
        tone: `better`, `smaller`, `no_difference` or `worse`: its colour.
        words: The judgement in a word or three.
        sentence: The same in plain words.
    """

    tone: str
    words: str
    sentence: str


@dataclass(frozen=True)
class Page:
    """What a page shows.

    Attributes:
        title: Of the browser's window.
        mark: What kind of page it is.
        name: The heading.
        about: What it is about, one line.
        lead: What the key figures say.
        figures: The key figures.
        sections: In reading order.
        badge: A judgement; None if there is none.
        cautions: Sentences that qualify everything.
    """

    title: str
    mark: str
    name: str
    about: str
    lead: str
    figures: tuple[KeyFigure, ...]
    sections: tuple[Section, ...]
    badge: Badge | None = None
    cautions: tuple[str, ...] = ()


def render_report(result: Result) -> str:
    """The report of a finished study, as `render_page` makes it.

    Args:
        result: The study.
    """
    name, source = printable(result.name, 120), printable(result.origin.source, 120)
    words, started = verdict_words(result), datetime.fromtimestamp(result.origin.started, UTC).strftime("%Y-%m-%d")
    data = f" on {source}" if source else ""
    return render_page(
        Page(
            title=f"{name}: {words} – DARSE report",
            mark="DARSE study",
            name=name,
            about=f"{printable(result.origin.base_name, 120)}{data}, predicting {task_words(result.task)}. "
            f"Started {started}.",
            lead="What was found, how large it is, how good, and what the search took.",
            figures=key_figures(result),
            sections=sections(result),
            badge=Badge(result.verdict.verdict, words, result.verdict.sentence),
            cautions=cautions(result),
        )
    )


def render_page(page: Page) -> str:
    """A page as one HTML file.

    Everything is inside: plotly.js is embedded once, compressed. A content security policy lets nothing be loaded
    and no script run but the two of the page, named by their hashes, whatever the texts on it hold.

    Args:
        page: What it shows.
    """
    script, bundle = "".join(asset(_HERE, name) for name in _SCRIPTS), plotly_script()
    return (
        templates(_HERE)
        .get_template("report.html")
        .render(
            page=page,
            charts=_in_script({chart.name: chart.figure for chart in charts_of(page.sections)}),
            palettes=_in_script({"light": LIGHT, "dark": DARK}),
            light=Markup(css_variables(LIGHT)),
            dark=Markup(css_variables(DARK)),
            style=Markup(asset(_HERE, "report.css")),
            script=Markup(script),
            plotly=_packed(bundle),
            policy=f"'{_hash(script)}' '{_hash(bundle)}'",
        )
    )


def _in_script(value: object) -> Markup:
    """A value as JSON that no HTML parser can mistake for a tag."""
    content = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for character in "<>&'":
        content = content.replace(character, f"\\u{ord(character):04x}")
    return Markup(content)


def _hash(script: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


@cache
def _packed(script: str) -> str:
    return base64.b64encode(zlib.compress(script.encode(), 9)).decode()
