"""The whole search: ask the stages what they want, have it run, and stop when they want nothing more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Protocol

from darse.errors import TrialError
from darse.search.history import Problem, is_run
from darse.search.limits import Limits
from darse.search.record import Part, Record
from darse.search.stages import Findings, advance
from darse.store.arrays import read_array
from darse.store.protocol import Store
from darse.store.trial import Failure, Trial, TrialSpec

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
class Listener:
    """Who is told how the search goes.

    Attributes:
        stage: Told what is known whenever a stage begins or the search ends.
        wanted: Told the trials that the stage has asked for next.
        limited: Told which part the limits have ended.
    """

    stage: Callable[[Findings], None] = field(default=lambda findings: None)
    wanted: Callable[[Sequence[TrialSpec]], None] = field(default=lambda specs: None)
    limited: Callable[[Part], None] = field(default=lambda part: None)


@dataclass(frozen=True)
class Searched:
    """A search that has ended.

    Attributes:
        findings: Of every stage.
        record: All that was run for it.
        stages: The stage that asked for a trial first, by the trial's id.
    """

    findings: Findings
    record: Record
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
    known = read_record(problem, study, store)
    record = replace(known, trials={}, failed={})
    stages: dict[str, str] = {}
    announced = ""
    while True:
        findings, specs = advance(record)
        if findings.stage != announced:
            announced = findings.stage
            listener.stage(findings)
        if findings.calibrate is not None:
            _refuse_failure(record, store, study)
        if not specs:
            return Searched(findings, record, stages)
        part = findings.part
        if not limits.allow(record, specs, part) and not record.is_closed(part, specs[0]):
            if part not in record.runs_closed:  # the cuts, which end after the runs, are not told again
                listener.limited(part)
            record = record.closing(part, specs[0])
            continue
        for spec in specs:
            stages.setdefault(spec.id(problem.context), findings.stage)
        missing = [spec for spec in specs if known.ended(spec) is None]
        if missing:
            listener.wanted(missing)
        results = executor.run(study, missing)
        for place, spec in enumerate(specs, 1):
            ended = known.ended(spec) or next(results) or _failure_of(spec, store, study)
            record = record.adding(ended, part)
            if place < len(specs) and not limits.allow(record, specs[place:], part):
                break


def read_record(problem: Problem, study: str, store: Store) -> Record:
    """All trials that the store has, of which it does not know who asked for them."""
    return Record(
        problem,
        {trial.id: trial for trial in store.trials(study)},
        {failure.spec.id(problem.context): failure for failure in store.failures(study)},
        lru_cache(maxsize=_KEPT_LOSSES)(lambda digest: read_array(store, digest)),
    )


def _failure_of(spec: TrialSpec, store: Store, study: str) -> Failure:
    return next(failure for failure in store.failures(study) if failure.spec == spec)


def _refuse_failure(record: Record, store: Store, study: str) -> None:
    if any(is_run(trial.spec) for trial in record.trials.values()):
        return
    reasons = [failure.reason for failure in store.failures(study)]
    raise TrialError(f"not one training run succeeded: {reasons[0] if reasons else 'the limits left no room for any'}")
