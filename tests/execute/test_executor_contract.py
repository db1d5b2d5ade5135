"""What every executor promises: order, failures kept, leases given back, waited for, or taken from the dead."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import pytest

from darse.errors import Interrupted
from darse.execute.local import LEASE_S, LocalExecutor
from darse.execute.worker import worker_name
from darse.ranks.plan import RankPlan
from darse.search.driver import Executor
from darse.store.protocol import Lease, Store
from darse.store.trial import Failure, Outcome, TrialSpec

from ..search.worlds import CONTEXT, World, WorldEvaluator
from .conftest import STUDY

SPECS = [TrialSpec(RankPlan((rank, 0, 2)), seed, 1e-3, 6) for rank in (1, 2) for seed in range(2)]
WORLD = World(3)
NAMES = [spec.id(CONTEXT) for spec in SPECS]


@dataclass
class Clock:
    """A clock that goes on when somebody waits."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += max(seconds, 1.0)


@dataclass
class Finishing(Clock):
    """A clock by which another worker finishes its trial after five seconds."""

    store: Store = field(kw_only=True)
    lease: Lease = field(kw_only=True)
    outcome: Outcome = field(kw_only=True)

    def wait(self, seconds: float) -> None:
        super().wait(seconds)
        if self.now > 1005 and self.lease.trial not in [trial.id for trial in self.store.trials(STUDY)]:
            self.store.finish(self.lease, self.outcome, now=self.now)


class Make(Protocol):
    """An executor in a made-up world, and on a made-up clock."""

    def __call__(
        self, store: Store, world: World = ..., *, told: Callable[[str], None] = ..., clock: Clock = ...
    ) -> Executor: ...


def local(
    store: Store,
    world: World = WORLD,
    *,
    told: Callable[[str], None] = lambda trial: None,
    clock: Clock | None = None,
) -> LocalExecutor:
    evaluator = WorldEvaluator(world, store, lambda trial, spec: told(trial))
    clock = clock or Clock()
    return LocalExecutor(store, evaluator.by_name(), clock=clock, wait=clock.wait)


EXECUTORS: dict[str, Make] = {"local": local}


@pytest.fixture(params=list(EXECUTORS))
def make(request: pytest.FixtureRequest) -> Make:
    return EXECUTORS[request.param]


def test_results_come_in_the_order_asked_and_are_stored(make: Make, store: Store) -> None:
    found = list(make(store).run(STUDY, SPECS))
    assert [trial and trial.spec for trial in found] == SPECS
    assert found == store.trials(STUDY)


def test_a_result_is_handed_out_once_it_is_stored_and_before_the_next_begins(make: Make, store: Store) -> None:
    for place, trial in enumerate(make(store).run(STUDY, SPECS), 1):
        assert store.trials(STUDY)[-1] == trial
        assert len(store.trials(STUDY)) == place


def test_a_failed_trial_is_none_keeps_its_reason_and_is_not_tried_again(make: Make, store: Store) -> None:
    world, tried = replace(WORLD, fails=lambda spec: spec == SPECS[1]), list[str]()
    for _ in range(2):
        found = list(make(store, world, told=tried.append).run(STUDY, SPECS))
        assert [trial is None for trial in found] == [False, True, False, False]
    assert store.failures(STUDY) == [Failure(SPECS[1], "the loss of 1 0 2 became nan")]
    assert sorted(tried) == sorted(NAMES)
    assert not store.leases(STUDY)


def test_an_interrupted_trial_is_given_back_at_once(make: Make, store: Store) -> None:
    def stop(trial: str) -> None:
        if trial == NAMES[1]:
            raise Interrupted(2)

    with pytest.raises(Interrupted):
        list(make(store, told=stop).run(STUDY, SPECS))
    assert [trial.id for trial in store.trials(STUDY)] == NAMES[:1]
    assert not store.leases(STUDY)
    assert [trial and trial.id for trial in make(store).run(STUDY, SPECS)] == NAMES


def test_a_lease_of_a_dead_worker_is_taken_without_waiting(make: Make, store: Store) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    dead = worker_name(process.pid)
    store.enqueue(STUDY, SPECS)
    for name in NAMES[:2]:
        assert store.claim(STUDY, dead, now=1000.0, lease_s=LEASE_S, trial=name)
    process.kill()
    process.communicate()
    clock = Clock()
    assert [trial and trial.id for trial in make(store, clock=clock).run(STUDY, SPECS)] == NAMES
    assert clock.now == 1000.0, "nobody waited"


def test_a_living_workers_lease_is_waited_for_until_it_runs_out(make: Make, store: Store) -> None:
    store.enqueue(STUDY, SPECS)
    assert store.claim(STUDY, "elsewhere:1:2:3", now=1000.0, lease_s=LEASE_S, trial=NAMES[0])
    clock = Clock()
    trial = next(make(store, clock=clock).run(STUDY, SPECS))
    assert trial
    assert trial.id == NAMES[0]
    assert LEASE_S <= clock.now - 1000.0 < LEASE_S + 1


def test_a_trial_that_another_worker_finishes_meanwhile_is_handed_out(make: Make, store: Store) -> None:
    store.enqueue(STUDY, SPECS)
    lease = store.claim(STUDY, "elsewhere:1:2:3", now=1000.0, lease_s=LEASE_S, trial=NAMES[0])
    assert lease is not None
    theirs = WORLD.outcome(SPECS[0], store.put_artifact)
    tried: list[str] = []
    executor = make(store, told=tried.append, clock=Finishing(store=store, lease=lease, outcome=theirs))
    assert [trial and trial.id for trial in executor.run(STUDY, SPECS[:2])] == NAMES[:2]
    assert tried == NAMES[1:2]


def test_failures_and_trials_of_dead_workers_are_noted_as_events(make: Make, store: Store) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    dead = worker_name(process.pid)
    store.enqueue(STUDY, SPECS)
    assert store.claim(STUDY, dead, now=1000.0, lease_s=LEASE_S, trial=NAMES[0])
    process.kill()
    process.communicate()
    list(make(store, replace(WORLD, fails=lambda spec: spec == SPECS[1])).run(STUDY, SPECS[:2]))
    assert [(event.time, event.kind, event.detail) for event in store.events(STUDY)] == [
        (1000.0, "freed", {"trial": NAMES[0], "worker": dead}),
        (
            1000.0,
            "failed",
            {"trial": NAMES[1], "plan": "1 0 2", "seed": 1, "reason": "the loss of 1 0 2 became nan"},
        ),
    ]


def test_an_outcome_that_is_not_finite_is_a_failed_trial_and_no_store_error(make: Make, store: Store) -> None:
    executor = make(store, World(3, gain=float("nan")))
    assert list(executor.run(STUDY, SPECS[:1])) == [None]
    assert store.failures(STUDY)[0].reason == "the score on validation became nan"


def test_a_failed_trial_keeps_the_time_that_it_took(make: Make, store: Store) -> None:
    clock = Clock()
    executor = make(store, replace(WORLD, fails=lambda spec: True), told=lambda trial: clock.wait(7.0), clock=clock)
    assert list(executor.run(STUDY, SPECS[:2])) == [None, None]
    assert [failure.seconds for failure in store.failures(STUDY)] == [7.0, 7.0]


def test_any_other_error_gives_the_trial_back_and_is_passed_on(make: Make, store: Store) -> None:
    def break_down(trial: str) -> None:
        raise MemoryError

    with pytest.raises(MemoryError):
        list(make(store, told=break_down).run(STUDY, SPECS))
    assert not store.leases(STUDY)
    assert not store.failures(STUDY)
