"""What a page cannot show, and why."""

from __future__ import annotations

from darse.errors import DarseError


class MissingError(DarseError):
    """There is no such page, store, study or trial."""


class BusyError(DarseError):
    """Too much is going on at this moment; the same request can be answered later."""
