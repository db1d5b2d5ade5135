"""How fast a run is to how long it, and the search it belongs to, will take."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from darse.amounts import plural
from darse.search.effort import complete_runs
from darse.settings import Settings

if TYPE_CHECKING:
    from darse.execute.rehearsal import Rehearsed

MEASURED_STEPS = 20
"""Before the time that is left is told; in a short run a quarter of its steps."""


class Pace:
    """How fast the run under way is.

    Args:
        clock: Seconds, from anywhere.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.start(1)

    def start(self, epochs: int) -> None:
        """A run of so many epochs, at the most, begins."""
        self._epochs = epochs
        self._first: tuple[float, int] | None = None
        self._step_s: float | None = None
        self._done = self._total = 0

    def step(self, epoch: int, step: int, steps: int) -> None:
        """A step is done; the first one seen may be in the middle of a run that is continued."""
        now, self._done, self._total = self._clock(), epoch * steps + step, steps * self._epochs
        if self._first is None:
            self._first = now, self._done
        began, before = self._first
        if self._done - before >= min(MEASURED_STEPS, max(1, self._total // 4)):
            self._step_s = (now - began) / (self._done - before)

    @property
    def part(self) -> float:
        """How much of the run is done, from 0 to 1."""
        return self._done / self._total if self._total else 0.0

    @property
    def run_s(self) -> float | None:
        """Seconds of the whole run, unless it ends early; None before enough steps are done."""
        return None if self._step_s is None else self._step_s * self._total

    @property
    def left_s(self) -> float | None:
        """Seconds left of it."""
        return None if self._step_s is None else self._step_s * (self._total - self._done)


def estimate_lines(settings: Settings, measured: Rehearsed) -> list[str]:
    """What is to be expected, and what to do where a limit leaves little."""
    return [*_rank_lines(settings, measured), *_time_lines(settings, measured)]


def _rank_lines(settings: Settings, measured: Rehearsed) -> list[str]:
    """That a highest rank above what the weights can carry is lowered."""
    asked, carried = settings.search.max_rank, measured.carried_rank
    if carried is None or asked <= carried:
        return []
    return [f"--max-rank {asked} is lowered to {carried}, the smaller side of the weights: no rank above it says more"]


def _time_lines(settings: Settings, measured: Rehearsed) -> list[str]:
    search, run_s, runs = settings.search, measured.run_s, complete_runs(settings)
    told = f"one run of {plural(settings.train.epochs, 'epoch')} takes about {rough_time(run_s)} here; "
    told += f"a complete search is about {plural(runs, 'such run')}, {rough_time(runs * run_s)}"
    if measured.memory_bytes:
        told += f", and needs about {measured.memory_bytes / 1e9:.1f} GB of memory"
    allowed = math.inf if search.max_minutes is None else 60 * search.max_minutes / run_s
    if allowed < 1:
        return [
            told,
            f"--max-minutes {search.max_minutes:g} is less than one run, and one run is always made in full;"
            " for shorter ones lower --epochs or --max-length, or give a file of fewer rows",
        ]
    allowed = min(allowed, search.max_trials or math.inf)
    if allowed < runs:
        return [told, f"the limit has room for about {allowed:.0f}: the plan will be the best of what is tried"]
    return [told]


def estimate_as_json(settings: Settings, measured: Rehearsed) -> dict[str, object]:
    """What is to be expected, for programs."""
    return {
        "run_seconds": float(f"{measured.run_s:.3g}"),
        "runs": complete_runs(settings),
        "memory_bytes": measured.memory_bytes,
    }


def rough_time(seconds: float) -> str:
    """A rough time.

    >>> rough_time(20), rough_time(95), rough_time(900), rough_time(9000)
    ('20 s', '1.6 min', '15 min', '2.5 h')
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.1f} min" if seconds < 600 else f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
