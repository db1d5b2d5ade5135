"""Trials in this process, one after the other, each under a lease that is kept alive while it runs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field

from darse.errors import StaleLeaseError, StoreError, TrialError
from darse.execute.evaluator import Evaluator, Feedback
from darse.execute.lease import LeaseKeeper
from darse.execute.memory import give_back
from darse.execute.worker import is_dead, worker_name
from darse.store.journal import Journal
from darse.store.protocol import Lease, Store
from darse.store.trial import EvaluatorName, Failure, Outcome, Trial, TrialSpec

LEASE_S = 60.0
"""A killed worker's trial is free again after this time; a live one renews at a third of it."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0
"""Between looks at a trial that another process has; each look costs that process time, too."""


@dataclass(frozen=True)
class Watcher:
    """Who is told how trials go, and may stop them.

    Attributes:
        check: Called often; raises `Interrupted` to stop.
        started: Told the spec of a trial that begins.
        step: Told epoch, step and steps per epoch.
        finished: Told the trial.
        failed: Told what failed.
    """

    check: Callable[[], None] = lambda: None
    started: Callable[[TrialSpec], None] = lambda spec: None
    step: Callable[[int, int, int], None] = lambda epoch, step, steps: None
    finished: Callable[[Trial], None] = lambda trial: None
    failed: Callable[[Failure], None] = lambda failure: None


@dataclass(frozen=True)
class LocalExecutor:
    """Runs trials here.

    Attributes:
        store: Where they are claimed and kept.
        evaluators: By name.
        forget: Called with a trial's id once it has ended for good (its checkpoint can go).
        watcher: Whom to tell.
        worker: This process's name in leases.
        lease_s: Seconds that a trial is claimed for at a time.
        clock: Seconds since 1970 (UTC).
        wait: Called with seconds while another process holds the next trial.
    """

    store: Store
    evaluators: Mapping[EvaluatorName, Evaluator]
    forget: Callable[[str], None] = lambda trial: None
    watcher: Watcher = field(default_factory=Watcher)
    worker: str = field(default_factory=worker_name)
    lease_s: float = LEASE_S
    clock: Callable[[], float] = time.time
    wait: Callable[[float], None] = time.sleep

    def forget_ended(self, study: str) -> None:
        """Forget what is left of trials that have ended; a kill may have come between their storing and forgetting."""
        for trial in (*(one.id for one in self.store.trials(study)), *self.store.failed_ids(study)):
            self.forget(trial)

    def run(self, study: str, specs: Sequence[TrialSpec]) -> Iterator[Trial | None]:
        """Run trials in the order asked; see `Executor.run`."""
        names = self.store.enqueue(study, specs)
        known = {trial.id: trial for trial in self.store.trials(study)}
        for name, spec in zip(names, specs, strict=True):
            yield known.get(name) or self._one(study, name, [known[one] for one in spec.parents if one in known])

    def _one(self, study: str, name: str, parents: Sequence[Trial]) -> Trial | None:
        pause = _FIRST_PAUSE_S
        while True:
            lease = self.store.claim(study, self.worker, now=self.clock(), lease_s=self.lease_s, trial=name)
            if lease is not None:
                try:
                    return self._run_leased(study, lease, parents)
                except StaleLeaseError:
                    continue  # this process slept past its lease; whoever has the trial now finishes it
            elsewhere = {trial.id: trial for trial in self.store.trials(study)}
            if name in elsewhere:
                return elsewhere[name]
            if name in self.store.failed_ids(study):
                return None
            self.watcher.check()
            if not self._free_leases_of_the_dead(study):
                self.wait(pause)
                pause = min(_LONGEST_PAUSE_S, 1.5 * pause)

    def _free_leases_of_the_dead(self, study: str) -> int:
        dead = [lease for lease in self.store.leases(study) if is_dead(lease.worker)]
        for lease in dead:
            self.store.release(lease)
            Journal(self.store, study, self.clock).note("freed", trial=lease.trial, worker=lease.worker)
        return len(dead)

    def _run_leased(self, study: str, lease: Lease, parents: Sequence[Trial]) -> Trial | None:
        """The trial of a lease, stored; None if it has failed."""
        with ExitStack() as undo:
            # Ctrl-C, a full disk, a bug: whatever it is, the trial waits for the next start
            undo.callback(self._give_back, lease)
            self.watcher.started(lease.spec)
            began = self.clock()
            ended: Trial | Failure
            try:
                ended = self.store.finish(lease, self._evaluate(lease, parents), now=self.clock())
            except TrialError as error:
                now = self.clock()
                ended = Failure(lease.spec, str(error), max(0.0, now - began))
                self.store.fail(lease, ended.reason, now=now, seconds=ended.seconds)
                Journal(self.store, study, self.clock).note(
                    "failed", trial=lease.trial, plan=str(lease.spec.plan), seed=lease.spec.seed, reason=ended.reason
                )
            undo.pop_all()
        give_back()
        self.forget(lease.trial)
        if isinstance(ended, Failure):
            self.watcher.failed(ended)
            return None
        self.watcher.finished(ended)
        return ended

    def _evaluate(self, lease: Lease, parents: Sequence[Trial]) -> Outcome:
        if len(parents) < len(lease.spec.parents):
            raise TrialError("a run that it is cut from is not there")
        with LeaseKeeper(self.store, lease, lease_s=self.lease_s, clock=self.clock) as keeper:

            def check() -> None:
                self.watcher.check()
                keeper.keep()

            evaluator = self.evaluators[lease.spec.evaluator]
            outcome = evaluator.evaluate(lease.trial, lease.spec, parents, Feedback(check, self.watcher.step))
        _check_finite(outcome)
        return outcome

    def _give_back(self, lease: Lease) -> None:
        with suppress(StoreError):  # the lease runs out by itself
            self.store.release(lease)


def _check_finite(outcome: Outcome) -> None:
    """A store refuses what JSON cannot say; here it is the trial that has failed, not the store."""
    for name, value in {"score": outcome.score, **outcome.metrics}.items():
        if not math.isfinite(value):
            raise TrialError(f"the {name} on validation became {value}")
