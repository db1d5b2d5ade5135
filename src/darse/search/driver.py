"""The whole search: ask the stages what they want, have it run, and stop when they want nothing more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Protocol

from darse.errors import TrialError
from darse.search.history import History, Problem, is_run
from darse.search.stages import Findings, advance
from darse.store.arrays import read_array
from darse.store.protocol import Store
from darse.store.trial import Failure, Trial, TrialSpec, total_seconds

SEARCH_SHARE = 0.6
"""Part of a limit that the search may use; the rest is kept for the proof (stage verify)."""
_KEPT_LOSSES = 1024


class Executor(Protocol):
    """Runs trials that a study has asked for."""

    def run(self, study: str, specs: Sequence[TrialSpec]) -> Iterator[Trial | None]:
        """Run trials and hand each out once it is stored; None for one that failed (the store keeps why).

        Every trial is claimed from the store first, so any number of executors can share a study. A trial that
        another process holds is waited for.

        Raises:
            Interrupted: The user asked to stop; what was claimed and not finished is released.
        """


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

    def allow(self, history: History, specs: Sequence[TrialSpec], *, is_proof: bool) -> bool:
        """Whether the next of some trials fits into the limits, or into the search's share of them."""
        share = 1.0 if is_proof else SEARCH_SHARE
        trials = history.everything.values()
        runs = [trial for trial in trials if is_run(trial.spec)]
        failures = history.every_failure.values()
        done = len(runs) + sum(is_run(failure.spec) for failure in failures)
        if self.max_trials is not None and is_run(specs[0]) and done + 1 > max(1, self.max_trials * share):
            return False
        if self.max_seconds is None:
            return True
        spent = total_seconds(trials, failures)
        return spent + _expected_seconds(specs[0], runs) <= self.max_seconds * share


@dataclass(frozen=True)
class Listener:
    """Who is told how the search goes.

    Attributes:
        stage: Told what is known whenever a stage begins or the search ends.
        wanted: Told the trials that the stage has asked for next.
        limited: Told which part the limits have ended, `search` or `proof`.
    """

    stage: Callable[[Findings], None] = field(default=lambda findings: None)
    wanted: Callable[[Sequence[TrialSpec]], None] = field(default=lambda specs: None)
    limited: Callable[[str], None] = field(default=lambda part: None)


def _expected_seconds(spec: TrialSpec, runs: Sequence[Trial]) -> float:
    """What a trial will take, from the slowest epoch of the runs so far; cuts take next to nothing."""
    if not is_run(spec):
        return 0.0
    return spec.epochs * max((trial.outcome.seconds / _epochs_run(trial) for trial in runs), default=0.0)


def _epochs_run(trial: Trial) -> int:
    """Epochs that a run took, fewer than it was allowed where it stopped early; an own evaluator tells of none."""
    return len(trial.outcome.curve) or max(1, trial.spec.epochs)


@dataclass(frozen=True)
class Searched:
    """A search that has ended.

    Attributes:
        findings: Of every stage.
        history: All that was run for it.
        stages: The stage that asked for a trial first, by the trial's id.
    """

    findings: Findings
    history: History
    stages: Mapping[str, str]


def search(
    problem: Problem, study: str, store: Store, executor: Executor, *, limits: Limits, listener: Listener
) -> Searched:
    """Run the stages to their end, or until the limits are reached.

    A study that is continued is replayed from its first trial: what the store has is not run again, and every
    decision, those of the limits too, is made on what was known when it was made the first time.

    Args:
        problem: What is searched.
        study: Id of the study in the store.
        store: Where finished trials are.
        executor: Who runs the others.
        limits: When to stop.
        listener: Whom to tell.

    Raises:
        TrialError: Not one training run succeeded.
        Interrupted: The user asked to stop; calling again continues.
    """
    recorded = read_history(problem, study, store)
    history = replace(recorded, trials={}, failed={})
    stages: dict[str, str] = {}
    announced = ""
    while True:
        findings, specs = advance(history)
        if findings.stage != announced:
            announced = findings.stage
            listener.stage(findings)
        if findings.calibrate is not None:
            _refuse_failure(history, store, study)
        if not specs:
            return Searched(findings, history.whole(), stages)
        is_proof = findings.stage == "verify"
        if not limits.allow(history, specs, is_proof=is_proof) and not _is_closed(history, specs[0], is_proof=is_proof):
            was_closed = history.in_proof().is_closed if is_proof else history.is_closed
            history = _close(history, specs[0], is_proof=is_proof)
            if not was_closed:  # the cuts, which end after the runs, are not told again
                listener.limited("proof" if is_proof else "search")
            continue
        for spec in specs:
            stages.setdefault(spec.id(problem.context), findings.stage)
        missing = [spec for spec in specs if not recorded.has(spec)]
        if missing:
            listener.wanted(missing)
        results = executor.run(study, missing)
        for place, spec in enumerate(specs, 1):
            trial = recorded.find(spec) if recorded.has(spec) else next(results)
            if trial is not None:
                history = history.adding(trial, is_proof=is_proof)
            else:
                known = recorded.failed.get(spec.id(problem.context))
                history = history.adding_failure(known or _failure_of(spec, store, study), is_proof=is_proof)
            if place < len(specs) and not limits.allow(history, specs[place:], is_proof=is_proof):
                break


def read_history(problem: Problem, study: str, store: Store) -> History:
    """The history as the store has it."""
    return History(
        problem,
        {trial.id: trial for trial in store.trials(study)},
        {failure.spec.id(problem.context): failure for failure in store.failures(study)},
        lru_cache(maxsize=_KEPT_LOSSES)(lambda digest: read_array(store, digest)),
    )


def _failure_of(spec: TrialSpec, store: Store, study: str) -> Failure:
    return next(failure for failure in store.failures(study) if failure.spec == spec)


def _is_closed(history: History, spec: TrialSpec, *, is_proof: bool) -> bool:
    """Whether trials of this kind are closed already; a stage that still wants one insists on it."""
    now = history.in_proof() if is_proof else history
    return now.is_closed if is_run(spec) else now.are_cuts_closed


def _close(history: History, spec: TrialSpec, *, is_proof: bool) -> History:
    """No more runs (or, if it was a cut that did not fit, no cuts either) for the search, or for the proof."""
    cuts = not is_run(spec)
    if is_proof:
        return replace(
            history,
            is_closed=True,
            is_proof_closed=True,
            are_cuts_closed=history.are_cuts_closed or cuts,
            are_proof_cuts_closed=history.are_proof_cuts_closed or cuts,
        )
    return replace(history, is_closed=True, are_cuts_closed=history.are_cuts_closed or cuts)


def _refuse_failure(history: History, store: Store, study: str) -> None:
    if any(is_run(trial.spec) for trial in history.everything.values()):
        return
    reasons = [failure.reason for failure in store.failures(study)]
    raise TrialError(f"not one training run succeeded: {reasons[0] if reasons else 'the limits left no room for any'}")
