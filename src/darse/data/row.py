"""A raw row as every reader yields it: where it stood, its cells by column, and what is wrong with it."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from darse.data.carry import Value

MAX_RECORD_CHARACTERS = 8 << 20
"""A longer line or record is an error: no labelled text is that long, and memory stays bounded."""
MAX_COLUMNS = 4096
_MAX_INTEGER_BITS = 1100
"""More than any finite float64 has; Python itself refuses to print an integer of a few thousand digits."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """A cell that is no text and no number.

    Attributes:
        what: What it is instead, for the reason of a rejection: "a list", "NaN".
        keys: Of an object whose values dotted paths lead to, in its order.
    """

    what: str
    keys: tuple[str, ...] = field(default=(), compare=False, repr=False)


Cell = str | int | float | bool | None | Unusable


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a source.

    Attributes:
        line: Where it stood, counted from 1: the first line of a CSV record, the row of a Parquet file.
        cells: Its values by column name.
        problem: Why the whole row cannot be used, or None.
        split: The official split that the source itself states (a hub data set), or None.
        carried: Its values as they can be written again, if they were asked for and say more than the cells.
    """

    line: int
    cells: Mapping[str, Cell]
    problem: str | None = None
    split: str | None = None
    carried: Mapping[str, Value] | None = None


class RowRefused(ValueError):  # noqa: N818 - it is a verdict on a row, counted and never shown as an error
    """A row cannot be used; caught by the loader, which counts it.

    Args:
        reason: Why, in words that are the same for every such row.
        value: The cell to blame, if one is.
    """

    def __init__(self, reason: str, value: Cell = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.value = value


def as_cell(value: object) -> Cell:
    """A cell from a value of any library: its text, number or truth value, or what else it is.

    NumPy numbers and decimals become plain ones; NaN is how a table of numbers writes a missing value.

    >>> as_cell(Decimal("0.5")), as_cell([1]), as_cell(float("nan"))
    (0.5, Unusable(what='a list'), None)
    """
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, numbers.Integral):
        whole = int(value)
        return whole if whole.bit_length() <= _MAX_INTEGER_BITS else Unusable("a huge whole number")
    if isinstance(value, Decimal | numbers.Real):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            return Unusable("a number out of range")
        return None if math.isnan(number) else number
    if type(value).__name__ in {"bool_", "bool"}:
        return bool(value)
    names: dict[type, str] = {dict: "an object", list: "a list", tuple: "a list", bytes: "bytes"}
    return Unusable(names.get(type(value), f"a {type(value).__name__}"))
