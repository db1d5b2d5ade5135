"""Cells to days: ISO alone, and what is refused is refused by name."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darse.data.row import Cell, RowRefused, Unusable
from darse.insight.dates import AMBIGUOUS, parse_day

_DAYS = st.dates(date(1901, 1, 1), date(2099, 12, 31))


@given(_DAYS)
def test_an_iso_date_is_its_day(day: date) -> None:
    assert parse_day(day.isoformat()) == day.toordinal()


@given(st.datetimes(datetime(1901, 1, 1), datetime(2099, 12, 31)), st.integers(-14 * 60, 14 * 60))
def test_a_moment_counts_on_its_day_in_utc(moment: datetime, minutes: int) -> None:
    zoned = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert parse_day(zoned.isoformat()) == zoned.astimezone(UTC).date().toordinal()


@pytest.mark.parametrize(
    "written",
    ["2025-04-30 10:20:30.123456789", "2025-04-30T10:20", "2025-04-30 10:20:30Z", "2025-04-30T10:20:30+0200"],
)
def test_what_tables_and_logs_write_is_read(written: str) -> None:
    assert parse_day(written) == date(2025, 4, 30).toordinal()


@pytest.mark.parametrize("missing", [None, "", "  ", "NaT", "null", "N/A"])
def test_a_missing_date_is_none(missing: Cell) -> None:
    assert parse_day(missing) is None


@pytest.mark.parametrize("written", ["03/04/2025", "3.4.25", "04-30-2025", "30-04-2025", "03/04/2025 10:20"])
def test_day_and_month_are_never_guessed(written: str) -> None:
    with pytest.raises(RowRefused) as refused:
        parse_day(written)
    assert refused.value.reason == AMBIGUOUS


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (1745971200, "a number"),
        (1745971200.5, "a number"),
        (True, "no text"),
        (Unusable("a list"), "no text"),
        ("20250430", "no ISO date"),
        ("April 30, 2025", "no ISO date"),
        ("2025-02-30", "not in the calendar"),
        ("2025-04-30T25:00", "not in the calendar"),
        ("0001-01-01", "the year"),
        ("9999-12-31T23:59:59-14:00", "not in the calendar"),
        ("٢٠٢٥-04-30", "no ISO date"),
        ("2025-04-30" + " " * 1000, "no ISO date"),
    ],
)
def test_anything_else_is_refused_by_name(value: Cell, said: str) -> None:
    with pytest.raises(RowRefused, match=said):
        parse_day(value)
