"""The five stages in their order, as one pure function of the history."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace

from darse.ranks.plan import RankPlan
from darse.search.allocate import Allocation, allocate
from darse.search.calibrate import Calibration, calibrate
from darse.search.history import Wanted
from darse.search.record import Part, Record
from darse.search.uniform import Coarse, Fine, coarse, fine
from darse.search.verify import Verified, verify
from darse.store.trial import TrialSpec

STAGES = ("calibrate", "coarse", "fine", "allocate", "verify")
MEANINGS = {
    "calibrate": "which learning rate, and how much the seed alone moves the loss (lower is better)",
    "coarse": "how much uniform rank the data can use",
    "fine": "where quality saturates",
    "allocate": "which site deserves which rank",
    "verify": "finalists and controls, trained for real",
    "done": "judging on test, once",
}
"""What each stage finds out, and what comes after the last one."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What the stages have found so far; None where a stage is not finished."""

    calibrate: Calibration | None = None
    coarse: Coarse | None = None
    fine: Fine | None = None
    allocate: Allocation | None = None
    verify: Verified | None = None

    @property
    def stage(self) -> str:
        """The stage that is under way, or `done`."""
        return next((name for name in STAGES if getattr(self, name) is None), "done")

    @property
    def part(self) -> Part:
        """The part of the search that the stage belongs to."""
        if self.calibrate is None:
            return "calibrate"
        return "search" if self.allocate is None else "proof"

    def as_json(self) -> dict[str, dict[str, object]]:
        """Every finding as plain JSON values, by stage."""
        found = ((name, getattr(self, name)) for name in STAGES)
        return {name: _fields(finding) for name, finding in found if finding is not None}


def advance(record: Record) -> tuple[Findings, tuple[TrialSpec, ...]]:
    """What is known, and the trials wanted next; none wanted means that the search is over.

    The stages are replayed from the start at every call. They are cheap, and so there is no state to lose: a
    search that was killed continues with the very next trial.
    """
    known = Findings()
    try:
        calibration = calibrate(record.seen_by("calibrate"))
        history = record.seen_by("search")
        known = replace(known, calibrate=calibration)
        range_ = coarse(history, calibration)
        known = replace(known, coarse=range_)
        saturation = fine(history, calibration, range_)
        known = replace(known, fine=saturation)
        allocation = allocate(history, calibration, saturation)
        known = replace(known, allocate=allocation)
        return replace(known, verify=verify(record.seen_by("proof"), calibration, saturation, allocation)), ()
    except Wanted as wanted:
        return known, wanted.specs


def _fields(value: object) -> dict[str, object]:
    assert is_dataclass(value)
    return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}


def _plain(value: object) -> object:
    """Dataclasses, tuples, plans and tables as JSON; infinities as None, since JSON has none."""
    if isinstance(value, RankPlan):
        return list(value.ranks)
    if is_dataclass(value):
        return _fields(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
