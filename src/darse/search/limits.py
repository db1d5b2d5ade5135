"""When a search stops: its limits, how they are shared out, and what they are called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from darse.amounts import plural
from darse.search.history import is_run
from darse.search.record import Part, Record
from darse.settings import SearchSettings
from darse.store.trial import Failure, Trial, TrialSpec, total_seconds

SHARES: Final[Mapping[Part, float]] = {"calibrate": 0.4, "search": 0.6, "proof": 1.0}
"""Part of a limit that is spent when a part of the search ends; so something is left for those after it."""


@dataclass(frozen=True)
class Limits:
    """When to stop, in trials done and seconds of their work, so that a restart decides alike.

    One run is always made, and one more where no plan within the budget would have been trained otherwise.

    Attributes:
        max_trials: Training runs at the most, failed ones included.
        max_seconds: Seconds of evaluation at the most, those of failed trials included; the trial under way is not
            cut off.
    """

    max_trials: int | None = None
    max_seconds: float | None = None

    def allow(self, record: Record, specs: Sequence[TrialSpec], part: Part) -> bool:
        """Whether the next of some trials fits into the limits, or into the part's share of them.

        Cuts may use half of what is kept for later parts: they take little, and without them nothing is known.
        """
        share = SHARES[part] if is_run(specs[0]) else (1 + SHARES[part]) / 2
        trials, failures = record.trials.values(), record.failed.values()
        runs = [trial for trial in trials if is_run(trial.spec)]
        done = runs_made(trials, failures)
        if self.max_trials is not None and is_run(specs[0]) and done + 1 > max(1, self.max_trials * share):
            return False
        if self.max_seconds is None:
            return True
        spent = total_seconds(trials, failures)
        return spent + _expected_seconds(specs[0], runs) <= self.max_seconds * share


def runs_made(trials: Iterable[Trial], failures: Iterable[Failure]) -> int:
    """Training runs, failed ones included: what `max_trials` bounds."""
    return sum(is_run(trial.spec) for trial in trials) + sum(is_run(failure.spec) for failure in failures)


def limit_name(settings: SearchSettings) -> str:
    """What the limits of a search are called.

    >>> limit_name(SearchSettings(max_trials=1)), limit_name(SearchSettings(max_minutes=2.5))
    ('The limit of 1 training run', 'The limit of 2.5 minutes')
    """
    trials, minutes = settings.max_trials, settings.max_minutes
    limits = [] if trials is None else [plural(trials, "training run")]
    limits += [] if minutes is None else [f"{minutes:g} minute{'s' * (minutes != 1)}"]
    return f"The limit of {' or '.join(limits)}" if limits else "A limit on trials or minutes"


def _expected_seconds(spec: TrialSpec, runs: Sequence[Trial]) -> float:
    """What a trial will take, from the slowest epoch of the runs so far; cuts take next to nothing."""
    if not is_run(spec):
        return 0.0
    return spec.epochs * max((trial.outcome.seconds / _epochs_run(trial) for trial in runs), default=0.0)


def _epochs_run(trial: Trial) -> int:
    """Epochs that a run took, fewer than it was allowed where it stopped early; an own evaluator tells of none."""
    return len(trial.outcome.curve) or max(1, trial.spec.epochs)
