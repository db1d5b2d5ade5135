"""Every row that does not reach a split, counted by reason, with the first hundred kept for show."""

from __future__ import annotations

from collections import Counter

from darse.data.example import Rejected
from darse.data.row import Cell, Unusable
from darse.names import printable

SHOWN_ROWS = 100


class Tally:
    """What the loader counts on its way through a source.

    Attributes:
        rows: Data rows read.
        reasons: Rejected rows by reason.
        shown: The first hundred rejected rows.
        duplicates: Rows that repeat one that stays.
        conflicts: Rows that contradict each other.
        notes: Plain sentences that belong to the warnings.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.reasons: Counter[str] = Counter()
        self.shown: list[Rejected] = []
        self.duplicates = 0
        self.conflicts = 0
        self.notes: list[str] = []

    @property
    def rejected(self) -> int:
        """Rows rejected so far, for any reason."""
        return self.reasons.total()

    def reject(self, line: int, reason: str, value: Cell = None) -> None:
        """Count one row, with the cell to blame if there is one."""
        self.reasons[reason] += 1
        if len(self.shown) < SHOWN_ROWS:
            self.shown.append(Rejected(line, reason if value is None else f"{reason}: {_show(value)}"))

    def first(self, count: int) -> str:
        """The first rejected rows on one line, for an error."""
        return "; ".join(f"line {row.line}: {row.reason}" for row in self.shown[:count])


def _show(value: Cell) -> str:
    return value.what if isinstance(value, Unusable) else repr(printable(str(value)))
