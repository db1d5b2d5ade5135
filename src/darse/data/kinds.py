"""What the values of columns are, where a file format wants to know before it can write them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from darse.data.carry import Json, Value

Record = Mapping[str, Value]
Kinds = Mapping[str, type]
"""What the values of each column are: `bool`, `int`, `float`, or `str` for text and for a mixture."""

_EXACT = 2**53
"""The largest whole number up to which a float holds each."""
_NOT_FINITE = frozenset({"NaN", "Infinity", "-Infinity"})


def find_kinds(rows: Iterable[Record]) -> dict[str, type]:
    """What the values of each column are; whole numbers among others, as long as a float holds them, are numbers.

    >>> find_kinds([{"id": 1, "mixed": 1}, {"id": 0.5, "mixed": "a"}])
    {'id': <class 'float'>, 'mixed': <class 'str'>}
    """
    found: dict[str, set[str]] = {}
    for row in rows:
        for name, value in row.items():
            found.setdefault(name, set()).add(_kind_of(value))
    return {name: _common(kinds - {"none"}) for name, kinds in found.items()}


def as_json(value: Value) -> str:
    """A value as JSON, to the digit as it was read."""
    return value.text if isinstance(value, Json) else json.dumps(value, ensure_ascii=False, allow_nan=False)


def _kind_of(value: Value) -> str:
    if value is None:
        return "none"
    if isinstance(value, int) and not isinstance(value, bool):
        return "int" if abs(value) <= _EXACT else "long" if -(2**63) <= value < 2**63 else "str"
    if isinstance(value, Json):
        return "float" if value.text in _NOT_FINITE else "str"
    return type(value).__name__


def _common(kinds: set[str]) -> type:
    if kinds == {"bool"}:
        return bool
    if kinds and kinds <= {"int", "long"}:
        return int
    return float if kinds and kinds <= {"int", "float"} else str


def as_kind(value: Value, kind: type) -> Value:
    """A value as one of its column's kind."""
    if value is None:
        return None
    if kind is str:
        return value if isinstance(value, str) else as_json(value)
    if kind is float and isinstance(value, Json | int):
        return float(value.text if isinstance(value, Json) else value)
    return value
