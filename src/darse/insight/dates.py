"""A cell to a day, strictly: ISO dates alone, since day first and month first cannot be told apart."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from functools import lru_cache

from darse.data.row import Cell, RowRefused, Unusable

AMBIGUOUS = "the date could be day first or month first (write it as 2025-04-30)"
_FIRST_YEAR, _LAST_YEAR = 1900, 2100
"""Outside of these years a date is a placeholder or a mistake, and one of them would stretch every chart."""
_MISSING = frozenset({"", "nan", "nat", "none", "null", "na", "n/a", "<na>"})
_MAX_CHARACTERS = 40
_CLOCK = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?"
_ZONE = r"Z|[+-][0-9]{2}:?[0-9]{2}"
_ISO = re.compile(rf"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})(?:[T ]({_CLOCK}) ?({_ZONE})?)?")
_DAY_OR_MONTH = re.compile(r"[0-9]{1,2}[./-][0-9]{1,2}[./-][0-9]{2,4}(?:[ T,].*)?")


def parse_day(value: Cell) -> int | None:
    """The day of an ISO 8601 date or moment as a proleptic ordinal; None for a missing one.

    A moment with a time zone counts on its day in UTC, one without a zone on the day that is written. Numbers are
    refused: seconds, milliseconds and 20250430 all look alike.

    Args:
        value: The cell.

    Raises:
        RowRefused: It holds anything else.

    >>> parse_day("2025-04-30") == parse_day("2025-05-01T01:30:00+02:00") == date(2025, 4, 30).toordinal()
    True
    """
    if isinstance(value, Unusable | bool):
        raise RowRefused("the date is no text", value)
    if isinstance(value, int | float):
        raise RowRefused("the date is a number (write it as 2025-04-30)", value)
    if value is None or (len(value) <= _MAX_CHARACTERS and value.strip().casefold() in _MISSING):
        return None
    if len(value) == 10 and value[4] == value[7] == "-" and value.isascii():
        return _ordinal(value, value)
    return _parse_moment(value)


def _parse_moment(text: str) -> int:
    found = _ISO.fullmatch(text) if len(text) <= _MAX_CHARACTERS else None
    if found is None:
        is_turned = len(text) <= _MAX_CHARACTERS and _DAY_OR_MONTH.fullmatch(text) is not None
        raise RowRefused(AMBIGUOUS if is_turned else "the date is no ISO date such as 2025-04-30", text)
    day, clock, zone = found.groups()
    if clock is None:
        return _ordinal(day, text)
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}{zone or ''}")
        moment = moment.astimezone(UTC) if zone else moment
    except (ValueError, OverflowError) as error:
        raise RowRefused("the date is not in the calendar", text) from error
    return _within(moment.date(), text)


@lru_cache(maxsize=1 << 16)
def _ordinal(day: str, written: str) -> int:
    if not _ISO.fullmatch(day):
        is_turned = _DAY_OR_MONTH.fullmatch(day) is not None
        raise RowRefused(AMBIGUOUS if is_turned else "the date is no ISO date such as 2025-04-30", written)
    try:
        return _within(date.fromisoformat(day), written)
    except ValueError as error:
        if isinstance(error, RowRefused):
            raise
        raise RowRefused("the date is not in the calendar", written) from error


def _within(day: date, written: str) -> int:
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise RowRefused(f"the year of the date is not from {_FIRST_YEAR} to {_LAST_YEAR}", written)
    return day.toordinal()
