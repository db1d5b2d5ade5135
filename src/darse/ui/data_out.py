"""Tables and charts to the CSV and JSON that people take away."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence

from darse.data.carry import Value
from darse.data.write import neutralise
from darse.report.parts import Chart

KINDS = ("csv", "json")
MEDIA = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


def csv_text(rows: Iterable[Sequence[Value]]) -> str:
    r"""Rows as CSV, in which no spreadsheet finds a formula.

    >>> csv_text([("a", None, -0.5), ("=1+1", 2, True)])
    "a,,-0.5\r\n'=1+1,2,True\r\n"
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([["" if cell is None else neutralise(cell) for cell in row] for row in rows])
    return text.getvalue()


def chart_text(chart: Chart, kind: str) -> str:
    """The data of a chart: its table as CSV, or what is drawn with its table as JSON."""
    table = chart.table
    if kind == "csv":
        return csv_text([table.columns, *table.rows])
    rows = {"caption": table.caption, "columns": table.columns, "rows": table.rows}
    given = {"name": chart.name, "label": chart.label, "figure": chart.figure, "table": rows}
    return json.dumps(given, allow_nan=False)
