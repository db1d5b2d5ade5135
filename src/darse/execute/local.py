"""Trials in this process, one after the other, each under a lease that is kept alive while it runs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from darse.errors import StaleLeaseError, StoreError, TrialError
from darse.execute.evaluator import Evaluator, Feedback
from darse.execute.worker import is_dead, worker_name
from darse.store.protocol import Lease, Store
from darse.store.trial import EvaluatorName, Outcome, Trial, TrialSpec

LEASE_S = 60.0
"""A killed worker's trial is free again after this time; a live one renews at a third of it."""


@dataclass(frozen=True)
class Watcher:
    """Who is told how trials go, and may stop them.

    Attributes:
        check: Called often; raises `Interrupted` to stop.
        started: Told the spec of a trial that begins.
        step: Told epoch, step and steps per epoch.
        finished: Told the trial.
    """

    check: Callable[[], None] = lambda: None
    started: Callable[[TrialSpec], None] = lambda spec: None
    step: Callable[[int, int, int], None] = lambda epoch, step, steps: None
    finished: Callable[[Trial], None] = lambda trial: None


@dataclass
class LocalExecutor:
    """Runs trials here.

    Attributes:
        store: Where they are claimed and kept.
        evaluators: By name.
        finished: Called with a trial's id once its outcome is stored (its checkpoint can go).
        watcher: Whom to tell.
        worker: This process's name in leases.
        wait: Called with seconds while another process holds the last trial.
    """

    store: Store
    evaluators: Mapping[EvaluatorName, Evaluator]
    forget: Callable[[str], None] = lambda trial: None
    watcher: Watcher = field(default_factory=Watcher)
    worker: str = field(default_factory=worker_name)
    clock: Callable[[], float] = time.time
    wait: Callable[[float], None] = time.sleep

    def run(self, study: str, specs: Sequence[TrialSpec]) -> Iterator[Trial | None]:
        """Run trials in the order asked; see `Executor.run`."""
        names = self.store.enqueue(study, specs)
        known = {trial.id: trial for trial in self.store.trials(study)}
        for name, spec in zip(names, specs, strict=True):
            yield known.get(name) or self._one(study, name, known.get(spec.parent))

    def _one(self, study: str, name: str, parent: Trial | None) -> Trial | None:
        while True:
            lease = self.store.claim(study, self.worker, now=self.clock(), lease_s=LEASE_S, trial=name)
            if lease is not None:
                try:
                    return self._evaluate(lease, parent)
                except StaleLeaseError:
                    continue  # this process slept past its lease; whoever has the trial now finishes it
            elsewhere = {trial.id: trial for trial in self.store.trials(study)}
            if name in elsewhere:
                return elsewhere[name]
            if name in self.store.failed_ids(study):
                return None
            self.watcher.check()
            if not self._free_leases_of_the_dead(study):
                self.wait(0.1)

    def _free_leases_of_the_dead(self, study: str) -> int:
        dead = [lease for lease in self.store.leases(study) if is_dead(lease.worker)]
        for lease in dead:
            self.store.release(lease)
        return len(dead)

    def _evaluate(self, lease: Lease, parent: Trial | None) -> Trial | None:
        keeper = _LeaseKeeper(self.store, lease, self.clock)
        self.watcher.started(lease.spec)
        try:
            outcome = self.evaluators[lease.spec.evaluator].evaluate(
                lease.trial, lease.spec, parent, Feedback(self._check(keeper), self.watcher.step)
            )
            _check_finite(outcome)
            trial = self.store.finish(keeper.lease, outcome, now=self.clock())
        except TrialError as error:
            self.store.fail(keeper.lease, str(error), now=self.clock())
            self.forget(lease.trial)
            return None
        except BaseException:
            # Ctrl-C, a full disk, a bug: whatever it was, the trial waits for the next start
            self._give_back(keeper.lease)
            raise
        self.forget(lease.trial)
        self.watcher.finished(trial)
        return trial

    def _check(self, keeper: _LeaseKeeper) -> Callable[[], None]:
        def check() -> None:
            self.watcher.check()
            keeper.keep()

        return check

    def _give_back(self, lease: Lease) -> None:
        try:
            self.store.release(lease)
        except StoreError:
            return  # the lease runs out by itself


def _check_finite(outcome: Outcome) -> None:
    """A store refuses what JSON cannot say; here it is the trial that has failed, not the store."""
    for name, value in {"score": outcome.score, **outcome.metrics}.items():
        if not math.isfinite(value):
            raise TrialError(f"the {name} on validation became {value}")


class _LeaseKeeper:
    """Renews a lease when a third of its time has gone."""

    def __init__(self, store: Store, lease: Lease, clock: Callable[[], float]) -> None:
        self.store, self.lease, self.clock = store, lease, clock

    def keep(self) -> None:
        now = self.clock()
        if self.lease.expires - now < LEASE_S * 2 / 3:
            self.lease = self.store.renew(self.lease, now=now, lease_s=LEASE_S)
