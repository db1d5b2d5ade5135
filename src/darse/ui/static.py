"""Files of the package to what a browser is given once and keeps: names that say what is in them, packed in advance."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from darse.report.assets import asset, plotly_script
from darse.report.theme import DARK, LIGHT, css_variables

_REPORT, _UI = "darse.report", "darse.ui"


@dataclass(frozen=True)
class Static:
    """A file for browsers.

    Attributes:
        path: Where it is; another content has another path.
        media: Its type.
        content: Its bytes.
        packed: The same in gzip.
    """

    path: str
    media: str
    content: bytes
    packed: bytes


@cache
def static_files() -> Mapping[str, Static]:
    """All of them, by the name that pages know them by."""
    plots = "".join(asset(_REPORT, name) for name in ("plots.js", "tables.js"))
    return {
        "style.css": _static("style.css", "text/css", _style()),
        "page.js": _static("page.js", "text/javascript", plots + asset(_UI, "ui.js")),
        "plotly.js": _static("plotly.js", "text/javascript", plotly_script()),
    }


def _static(name: str, media: str, text: str) -> Static:
    content = text.encode()
    stem, _, suffix = name.partition(".")
    path = f"/static/{stem}-{hashlib.sha256(content).hexdigest()[:16]}.{suffix}"
    return Static(path, media, content, gzip.compress(content, 6, mtime=0))


def _style() -> str:
    """The style of the report, its colours for both themes, and what the pages add."""
    light, dark = css_variables(LIGHT), css_variables(DARK)
    themes = (
        f":root{{color-scheme:light;{light}}}\n"
        f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{color-scheme:dark;{dark}}}}}\n"
        f":root[data-theme=dark]{{color-scheme:dark;{dark}}}\n"
    )
    return themes + asset(_REPORT, "report.css") + asset(_UI, "ui.css")
