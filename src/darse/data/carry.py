"""A source's own values to values that can be written again beside new ones, with nothing lost on the way."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal

_HALF_PAIR = re.compile("[\\ud800-\\udfff]")


@dataclass(frozen=True, slots=True)
class Json:
    """A value as JSON text: lists, objects, and numbers with more digits than a float has.

    Attributes:
        text: The JSON.
    """

    text: str


Value = str | int | float | bool | None | Json
"""What a written cell can hold."""


def as_value(value: object) -> Value:
    """A value of any library as it can be written; bytes become Base64, dates and times ISO 8601.

    >>> as_value(Decimal("0.10")), as_value([b"a", float("nan")])
    (Json(text='0.10'), Json(text='["YQ==", null]'))
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return value if is_plain(value) else Json(json.dumps(value))
    if isinstance(value, float):
        return None if math.isnan(value) else value if math.isfinite(value) else str(value)
    if isinstance(value, Decimal):
        return Json(str(value))
    if isinstance(value, list | tuple | Mapping):
        text = json.dumps(_nested(value), ensure_ascii=False, allow_nan=False)
        return Json(text if is_plain(text) else json.dumps(_nested(value)))
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if isinstance(value, date | time) else str(value)


def is_plain(text: str) -> bool:
    """Whether every format can hold a text: no NUL, and no half of a surrogate pair."""
    return "\0" not in text and _HALF_PAIR.search(text) is None


def _nested(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _nested(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_nested(member) for member in value]
    if isinstance(value, str):
        return value
    plain = as_value(value)
    return plain.text if isinstance(plain, Json) else plain
