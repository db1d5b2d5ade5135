"""Names to what pages are made of: templates, styles and scripts of the package, and plotly.js."""

from __future__ import annotations

from functools import cache
from importlib import resources

import jinja2
from markupsafe import Markup

from darse.names import printable

_LONGEST_TEXT = 2000


@cache
def asset(package: str, name: str) -> str:
    """The text of a file that comes with a package."""
    return resources.files(package).joinpath(name).read_text(encoding="utf-8")


@cache
def plotly_script() -> str:
    """The source of plotly.js, which draws the charts."""
    from plotly.offline import get_plotlyjs

    # an HTML parser, and so a hash in a policy, knows one kind of line end
    return str(get_plotlyjs()).replace("\r\n", "\n")


@cache
def templates(*packages: str) -> jinja2.Environment:
    """Templates by name, from the first of some packages that has one; every text in them is escaped."""
    return jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
        loader=jinja2.FunctionLoader(lambda name: _first(packages, name)),
    )


def _first(packages: tuple[str, ...], name: str) -> str | None:
    return next((asset(one, name) for one in packages if resources.files(one).joinpath(name).is_file()), None)


def _shown(value: object) -> object:
    """What a template puts on a page: texts without control characters, whoever forgot to strip them."""
    is_plain = isinstance(value, str) and not isinstance(value, Markup) and not value.isprintable()
    return printable(str(value), _LONGEST_TEXT) if is_plain else value
