"""A JSON Lines file to raw rows: one object a line, its nested values marked as unusable."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from darse.data.open_file import open_lines
from darse.data.row import Cell, Row, RowRefused, Unusable, as_cell
from darse.errors import DataError

_MAX_DIGITS = 400
"""More digits than any finite float64 has; Python itself refuses to parse a few thousand."""


def read_json_lines(path: Path) -> Iterator[Row]:
    """Rows of a JSON Lines file; one line is in memory at a time, blank lines are no rows.

    Raises:
        DataError: The text is not UTF-8, a line is too long, or there is no row at all.
    """
    empty = True
    with open_lines(path) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            empty = False
            try:
                yield Row(number, parse_json_row(line))
            except RowRefused as refused:
                yield Row(number, {}, refused.reason)
    if empty:
        raise DataError("the file has no rows", path=path)


def parse_json_row(line: str) -> dict[str, Cell]:
    """The cells of one JSON object.

    Raises:
        RowRefused: It is no JSON, no object, names a key twice or is nested too deeply.

    >>> parse_json_row('{"text": "fine", "score": NaN, "tags": [1]}')
    {'text': 'fine', 'score': Unusable(what='NaN'), 'tags': Unusable(what='a list')}
    """
    try:
        value = json.loads(line, object_pairs_hook=_unique, parse_constant=Unusable, parse_int=_whole_number)
    except RecursionError as error:
        raise RowRefused("the JSON is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise RowRefused("the line is not valid JSON") from error
    if not isinstance(value, dict):
        raise RowRefused("the line is not a JSON object")
    return {key: cell if isinstance(cell, Unusable) else as_cell(cell) for key, cell in value.items()}


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise RowRefused("a JSON object names a key twice")
    return members


def _whole_number(digits: str) -> int | Unusable:
    return int(digits) if len(digits) <= _MAX_DIGITS else Unusable(f"a whole number of {len(digits)} digits")
