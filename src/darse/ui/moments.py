"""Seconds since 1970 to the words that people read."""

from __future__ import annotations

from datetime import UTC, datetime

from darse.report.parts import ABSENT
from darse.report.words import duration


def moment_words(seconds: float) -> str:
    """A moment, in UTC.

    >>> moment_words(0)
    '1970-01-01 00:00'
    """
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def moment_mark(seconds: float) -> str:
    """A moment for plotly.js, in UTC.

    >>> moment_mark(0)
    '1970-01-01T00:00:00'
    """
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def span_words(seconds: float | None) -> str:
    """A length of time; a dash where it is not known."""
    return ABSENT if seconds is None else duration(seconds)
