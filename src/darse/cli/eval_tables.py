"""Figures to tables on a terminal, or on what is none without anything cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from darse.amounts import plural
from darse.insight.intervals import Interval
from darse.names import printable

if TYPE_CHECKING:
    from darse.testing.entry import Facts
    from darse.testing.matrix import Figures, Table

_FILE_WIDTH = 200
"""Columns of what is no terminal: nothing there is cut."""
_PERCENT = frozenset({"accuracy", "macro_f1", "sign_accuracy", "ece"})


def plain_console() -> Console:
    """Where tables go."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _FILE_WIDTH
    return console


def print_table(table: Table, *, is_first: bool) -> None:
    """Print what the entries show on one data set."""
    console = plain_console()
    lead = "" if is_first else "\n"
    console.print(f"{lead}{printable(table.data.name)}: {plural(len(table.data), 'row')}", markup=False)
    for note in table.notes:
        console.print(f"  {printable(note, 300)}", markup=False, soft_wrap=True)
    console.print(_grid(table.entries, [cell.ms for cell in table.cells], table.whole))
    if table.slices:
        console.print(_slices(table.slices))
    for facts in table.entries:
        if facts.rule:
            console.print(f"{printable(facts.name)}: {printable(facts.rule, 400)}", markup=False, soft_wrap=True)


def figure_words(name: str, one: Interval) -> str:
    """A figure with its interval, as people read it.

    >>> figure_words("accuracy", Interval(0.875, 0.8, 0.92)), figure_words("mse", Interval(0.5))
    ('87.5 % [80.0, 92.0]', '0.5')
    """
    if name in _PERCENT:
        shown, ends = f"{one.value:.1%}".replace("%", " %"), ".1f"
        scale = 100.0
    else:
        shown, ends, scale = f"{one.value:.4g}", ".4g", 1.0
    if one.low is None or one.high is None:
        return shown
    return f"{shown} [{scale * one.low:{ends}}, {scale * one.high:{ends}}]"


def count_words(value: int | None) -> str:
    """A whole number, or a dash for none.

    >>> count_words(1200), count_words(None)
    ('1,200', '–')
    """
    return "–" if value is None else f"{value:,}"


def _grid(entries: Sequence[Facts], ms: Sequence[float], whole: Sequence[Figures]) -> Grid:
    grid = Grid(box=None, pad_edge=False)
    names = list(dict.fromkeys(name for one in whole for name in one.metrics))
    grid.add_column("")
    for name in (*names, "parameters", "ms a row"):
        grid.add_column(name, justify="right")
    for facts, row_ms, shown in zip(entries, ms, whole, strict=True):
        cells = [figure_words(name, shown.metrics[name]) if name in shown.metrics else "–" for name in names]
        grid.add_row(Text(printable(facts.name)), *cells, count_words(facts.parameters), f"{row_ms:.3g}")
    return grid


def _slices(slices: Sequence[Figures]) -> Grid:
    grid = Grid(box=None, pad_edge=False)
    names = list(dict.fromkeys(name for one in slices for name in one.metrics))
    for heading in ("slice", "rows", "", *names):
        grid.add_column(heading, justify="right" if heading in {"rows", *names} else "left")
    for one in slices:
        cells = [figure_words(name, one.metrics[name]) if name in one.metrics else "–" for name in names]
        rows = f"{one.rows:,}{' (few)' if one.is_small else ''}"
        grid.add_row(Text(f"{printable(one.by)} = {printable(one.value)}"), rows, Text(printable(one.entry)), *cells)
    return grid
