"""A JSON Lines file to raw rows: one object a line, its nested values marked as unusable."""

from __future__ import annotations

import json
import math
from collections.abc import Generator, Iterator, Sequence
from decimal import Decimal
from pathlib import Path

from darse.data.carry import Json, Value, is_plain
from darse.data.open_file import open_lines
from darse.data.reading import Reading
from darse.data.row import Cell, Row, RowRefused, Unusable, as_cell
from darse.errors import DataError

_MAX_DIGITS = 400
"""More digits than any finite float64 has; Python itself refuses to parse a few thousand."""
_MAX_KEYS = 30
"""Of an object that are told where it is named for a column."""


def read_json_lines(path: Path, reading: Reading, *, whole: bool = False) -> Generator[Row, None, None]:
    """Rows of a JSON Lines file; one line is in memory at a time, blank lines are no rows.

    Args:
        path: The file.
        reading: Its encoding, and the paths into its objects that are columns.
        whole: Carry the values as they are beside the cells.

    Raises:
        DataError: The text is not in its encoding, a line is too long, or there is no row at all.
    """
    empty = True
    with open_lines(path, reading.encoding) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            empty = False
            try:
                cells = parse_json_row(line, reading.nested)
                carried = parse_json_values(line) if whole else None
            except RowRefused as refused:
                yield Row(number, {}, refused.reason)
            else:
                yield Row(number, cells, carried=carried)
    if empty:
        raise DataError("the file has no rows", path=path)


def parse_json_row(line: str, nested: Sequence[str] = ()) -> dict[str, Cell]:
    """The cells of one JSON object.

    Args:
        line: The JSON.
        nested: Dotted paths into the object; what one leads to is a cell too, unless there is a key of its name.

    Raises:
        RowRefused: It is no JSON, no object, names a key twice or by what is no text, or is nested too deeply.

    >>> parse_json_row('{"text": "fine", "score": NaN, "tags": [1]}')
    {'text': 'fine', 'score': Unusable(what='NaN'), 'tags': Unusable(what='a list')}
    >>> parse_json_row('{"review": {"body": "fine"}}', ["review.body"])["review.body"]
    'fine'
    """
    try:
        value = json.loads(line, object_pairs_hook=_unique, parse_constant=Unusable, parse_int=_whole_number)
    except RecursionError as error:
        raise RowRefused("the JSON is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise RowRefused("the line is not valid JSON") from error
    if not isinstance(value, dict):
        raise RowRefused("the line is not a JSON object")
    if not all(map(is_plain, value)):
        raise RowRefused("a name in the JSON holds NUL or half of a surrogate pair")
    values = {**{path: found for path in nested if (found := _at(value, path)) is not None}, **value}
    return {key: _as_cell(value) for key, value in values.items()}


def _as_cell(value: object) -> Cell:
    """A cell; an object tells its first keys, which a dotted path can name."""
    if isinstance(value, Unusable):
        return value
    cell = as_cell(value)
    return (
        Unusable(cell.what, tuple(value)[:_MAX_KEYS])
        if isinstance(cell, Unusable) and isinstance(value, dict)
        else cell
    )


def _at(value: object, path: str) -> object:
    """What a dotted path leads to; None if it leads nowhere."""
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def parse_json_values(line: str) -> dict[str, Value]:
    """The values of a line that `parse_json_row` takes; JSON text where no plain value says the same.

    Raises:
        RowRefused: It is nested too deeply.

    >>> parse_json_values('{"id": 7, "tags": [1, {"a": 2}], "exact": 0.12345678901234567890}')
    {'id': 7, 'tags': Json(text='[1, {"a": 2}]'), 'exact': Json(text='0.12345678901234567890')}
    """
    try:
        return dict(_members(line))
    except RecursionError as error:
        raise RowRefused("the JSON is nested too deeply") from error


def _members(line: str) -> Iterator[tuple[str, Value]]:
    position = _skip(line, line.index("{") + 1)
    while line[position] != "}":
        key, position = _DECODER.raw_decode(line, position)
        start = _skip(line, _skip(line, position) + 1)
        value, end = _DECODER.raw_decode(line, start)
        is_simple = value is None or isinstance(value, int | float) or (isinstance(value, str) and is_plain(value))
        yield key, value if is_simple else Json(line[start:end])
        position = _skip(line, end)
        if line[position] == ",":
            position = _skip(line, position + 1)


def _skip(line: str, position: int) -> int:
    while line[position] in " \t\r\n":
        position += 1
    return position


def _exact(number: str) -> float | Json:
    value = float(number)
    try:
        return value if math.isfinite(value) and Decimal(repr(value)) == Decimal(number) else Json(number)
    except ArithmeticError:
        return Json(number)


def _whole(digits: str) -> int | Json:
    return int(digits) if len(digits) <= _MAX_DIGITS else Json(digits)


_DECODER = json.JSONDecoder(parse_float=_exact, parse_int=_whole, parse_constant=Json)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise RowRefused("a JSON object names a key twice")
    return members


def _whole_number(digits: str) -> int | Unusable:
    return int(digits) if len(digits) <= _MAX_DIGITS else Unusable(f"a whole number of {len(digits)} digits")
