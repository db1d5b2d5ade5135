"""What every executor promises: order, failures kept, leases given back, waited for, or taken from the dead."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from darse.errors import Interrupted
from darse.execute.evaluator import Feedback
from darse.execute.local import LEASE_S, LocalExecutor, Watcher
from darse.execute.worker import worker_name
from darse.ranks.plan import RankPlan
from darse.search.driver import Executor
from darse.store.open import open_store
from darse.store.protocol import Store, StudyRecord
from darse.store.trial import Failure, Outcome, Trial, TrialSpec

from ..search.worlds import CONTEXT, World, WorldEvaluator

STUDY = "s"
SPECS = [TrialSpec(RankPlan((rank, 0, 2)), seed, 1e-3, 6) for rank in (1, 2) for seed in range(2)]
WORLD = World(3)
NAMES = [spec.id(CONTEXT) for spec in SPECS]
SHORT_LEASE_S = 2.0
DEADLINE_S = 60.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "study.db") as opened:
        opened.open_study(StudyRecord(STUDY, "s", CONTEXT, {}, 0.0))
        yield opened


@dataclass
class Clock:
    """A clock that goes on when somebody waits."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += max(seconds, 1.0)


def an_executor(
    store: Store, world: World = WORLD, *, told: Callable[[str], None] = lambda trial: None
) -> LocalExecutor:
    evaluator = WorldEvaluator(world, store, lambda trial, spec: told(trial))
    clock = Clock()
    return LocalExecutor(store, evaluator.by_name(), clock=clock, wait=clock.wait)


EXECUTORS: list[Callable[..., Executor]] = [an_executor]


@pytest.mark.parametrize("make", EXECUTORS)
def test_results_come_in_the_order_asked_and_are_stored(make: Callable[..., Executor], store: Store) -> None:
    found = list(make(store).run(STUDY, SPECS))
    assert [trial and trial.spec for trial in found] == SPECS
    assert found == store.trials(STUDY)


@pytest.mark.parametrize("make", EXECUTORS)
def test_a_result_is_handed_out_once_it_is_stored_and_before_the_next_begins(
    make: Callable[..., Executor], store: Store
) -> None:
    for place, trial in enumerate(make(store).run(STUDY, SPECS), 1):
        assert store.trials(STUDY)[-1] == trial
        assert len(store.trials(STUDY)) == place


@pytest.mark.parametrize("make", EXECUTORS)
def test_a_failed_trial_is_none_keeps_its_reason_and_is_not_tried_again(
    make: Callable[..., Executor], store: Store
) -> None:
    world, tried = replace(WORLD, fails=lambda spec: spec == SPECS[1]), list[str]()
    for _ in range(2):
        found = list(make(store, world, told=tried.append).run(STUDY, SPECS))
        assert [trial is None for trial in found] == [False, True, False, False]
    assert store.failures(STUDY) == [Failure(SPECS[1], "the loss of 1 0 2 became nan")]
    assert sorted(tried) == sorted(NAMES)
    assert not store.leases(STUDY)


@pytest.mark.parametrize("make", EXECUTORS)
def test_an_interrupted_trial_is_given_back_at_once(make: Callable[..., Executor], store: Store) -> None:
    def stop(trial: str) -> None:
        if trial == NAMES[1]:
            raise Interrupted(2)

    with pytest.raises(Interrupted):
        list(make(store, told=stop).run(STUDY, SPECS))
    assert [trial.id for trial in store.trials(STUDY)] == NAMES[:1]
    assert not store.leases(STUDY)
    assert [trial and trial.id for trial in make(store).run(STUDY, SPECS)] == NAMES


@pytest.mark.parametrize("make", EXECUTORS)
def test_a_lease_of_a_dead_worker_is_taken_without_waiting(make: Callable[..., Executor], store: Store) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    dead = worker_name(process.pid)
    store.enqueue(STUDY, SPECS)
    for name in NAMES[:2]:
        assert store.claim(STUDY, dead, now=1000.0, lease_s=LEASE_S, trial=name)
    process.kill()
    process.communicate()
    executor = make(store)
    assert [trial and trial.id for trial in executor.run(STUDY, SPECS)] == NAMES
    assert isinstance(executor, LocalExecutor)
    assert executor.clock() == 1000.0, "nobody waited"


def test_a_living_workers_lease_is_waited_for_until_it_runs_out(store: Store) -> None:
    store.enqueue(STUDY, SPECS)
    assert store.claim(STUDY, "elsewhere:1:2:3", now=1000.0, lease_s=LEASE_S, trial=NAMES[0])
    executor = an_executor(store)
    trial = next(executor.run(STUDY, SPECS))
    assert trial
    assert trial.id == NAMES[0]
    assert LEASE_S <= executor.clock() - 1000.0 < LEASE_S + 1


def test_a_trial_that_another_worker_finishes_meanwhile_is_handed_out(store: Store) -> None:
    store.enqueue(STUDY, SPECS)
    lease = store.claim(STUDY, "elsewhere:1:2:3", now=1000.0, lease_s=LEASE_S, trial=NAMES[0])
    assert lease is not None
    theirs = WORLD.outcome(SPECS[0], store.put_artifact)
    clock = Clock()

    def wait(seconds: float) -> None:
        clock.wait(seconds)
        if clock.now > 1005 and NAMES[0] not in [trial.id for trial in store.trials(STUDY)]:
            store.finish(lease, theirs, now=clock.now)

    tried: list[str] = []
    evaluator = WorldEvaluator(WORLD, store, lambda trial, spec: tried.append(trial))
    executor = LocalExecutor(store, evaluator.by_name(), clock=clock, wait=wait)
    assert [trial and trial.id for trial in executor.run(STUDY, SPECS[:2])] == NAMES[:2]
    assert tried == NAMES[1:2]


@dataclass(frozen=True)
class Slow:
    """Asks for a stop now and then, and lets the clock go on."""

    world: WorldEvaluator
    clock: Clock
    pause: float
    between: Callable[[], None] = lambda: None

    def evaluate(self, trial_id: str, spec: TrialSpec, parents: Sequence[Trial], feedback: Feedback) -> Outcome:
        for _ in range(10):
            self.clock.wait(self.pause)
            self.between()
            feedback.check()
        return self.world.evaluate(trial_id, spec, parents, feedback)


def test_a_long_trial_renews_its_lease(store: Store) -> None:
    clock = Clock()
    held: list[float] = []
    slow = Slow(
        WorldEvaluator(WORLD, store),
        clock,
        LEASE_S / 2,
        lambda: held.append(store.leases(STUDY)[0].expires - clock.now),
    )
    executor = LocalExecutor(store, {"finetune": slow}, clock=clock, wait=clock.wait)
    assert next(executor.run(STUDY, SPECS)) is not None
    assert min(held) > 0


def test_a_worker_that_slept_past_its_lease_takes_the_others_result(store: Store) -> None:
    clock = Clock()
    theirs = replace(WORLD.outcome(SPECS[0], store.put_artifact), seconds=99.0)

    def overtake() -> None:
        if not store.trials(STUDY):
            lease = store.claim(STUDY, "elsewhere:1:2:3", now=clock.now, lease_s=LEASE_S, trial=NAMES[0])
            assert lease is not None
            store.finish(lease, theirs, now=clock.now)

    slow = Slow(WorldEvaluator(WORLD, store), clock, 2 * LEASE_S, overtake)
    executor = LocalExecutor(store, {"finetune": slow}, clock=clock, wait=clock.wait)
    trial = next(executor.run(STUDY, SPECS[:1]))
    assert trial is not None
    assert trial.outcome == theirs
    assert store.trials(STUDY) == [trial]


def test_a_worker_that_asks_for_nothing_and_lost_its_lease_takes_the_others_result(store: Store) -> None:
    clock = Clock()
    theirs = replace(WORLD.outcome(SPECS[0], store.put_artifact), seconds=99.0)

    def overtake(trial: str) -> None:
        clock.wait(2 * LEASE_S)
        lease = store.claim(STUDY, "elsewhere:1:2:3", now=clock.now, lease_s=LEASE_S, trial=trial)
        assert lease is not None
        store.finish(lease, theirs, now=clock.now)

    evaluator = WorldEvaluator(WORLD, store, lambda trial, spec: overtake(trial))
    executor = LocalExecutor(store, evaluator.by_name(), clock=clock, wait=clock.wait)
    trial = next(executor.run(STUDY, SPECS[:1]))
    assert trial is not None
    assert trial.outcome == theirs
    assert store.trials(STUDY) == [trial]


def test_failures_and_trials_of_dead_workers_are_noted_as_events(store: Store) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    dead = worker_name(process.pid)
    store.enqueue(STUDY, SPECS)
    assert store.claim(STUDY, dead, now=1000.0, lease_s=LEASE_S, trial=NAMES[0])
    process.kill()
    process.communicate()
    list(an_executor(store, replace(WORLD, fails=lambda spec: spec == SPECS[1])).run(STUDY, SPECS[:2]))
    assert [(event.time, event.kind, event.detail) for event in store.events(STUDY)] == [
        (1000.0, "freed", {"trial": NAMES[0], "worker": dead}),
        (
            1000.0,
            "failed",
            {"trial": NAMES[1], "plan": "1 0 2", "seed": 1, "reason": "the loss of 1 0 2 became nan"},
        ),
    ]


def test_an_outcome_that_is_not_finite_is_a_failed_trial_and_no_store_error(store: Store) -> None:
    executor = an_executor(store, World(3, gain=float("nan")))
    assert list(executor.run(STUDY, SPECS[:1])) == [None]
    assert store.failures(STUDY)[0].reason == "the score on validation became nan"


def test_a_failed_trial_keeps_the_time_that_it_took(store: Store) -> None:
    executor = an_executor(store, replace(WORLD, fails=lambda spec: True), told=lambda trial: executor.wait(7.0))
    assert list(executor.run(STUDY, SPECS[:2])) == [None, None]
    assert [failure.seconds for failure in store.failures(STUDY)] == [7.0, 7.0]


def test_any_other_error_gives_the_trial_back_and_is_passed_on(store: Store) -> None:
    def break_down(trial: str) -> None:
        raise MemoryError

    with pytest.raises(MemoryError):
        list(an_executor(store, told=break_down).run(STUDY, SPECS))
    assert not store.leases(STUDY)
    assert not store.failures(STUDY)


def test_the_watcher_is_told_and_the_checkpoint_forgotten_once_the_outcome_is_stored(store: Store) -> None:
    story: list[str] = []
    watcher = Watcher(
        started=lambda spec: story.append(f"started {spec.plan} {spec.seed}"),
        finished=lambda trial: story.append(f"finished {trial.spec.plan} {trial.spec.seed}"),
    )
    world = replace(WORLD, fails=lambda spec: spec == SPECS[1])
    executor = replace(
        an_executor(store, world),
        watcher=watcher,
        forget=lambda trial: story.append(f"forgot {NAMES.index(trial)} of {len(store.trials(STUDY))}"),
    )
    list(executor.run(STUDY, SPECS[:2]))
    assert story == ["started 1 0 2 0", "forgot 0 of 1", "finished 1 0 2 0", "started 1 0 2 1", "forgot 1 of 1"]


@dataclass(frozen=True)
class Deaf:
    """Asks for nothing, and ends only when its lease lasts longer than it was taken for."""

    world: WorldEvaluator

    def evaluate(self, trial_id: str, spec: TrialSpec, parents: Sequence[Trial], feedback: Feedback) -> Outcome:
        outcome = self.world.evaluate(trial_id, spec, parents, Feedback())
        began = self._end_of_lease(trial_id)
        deadline = time.monotonic() + DEADLINE_S
        while self._end_of_lease(trial_id) < began + SHORT_LEASE_S:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return outcome

    def _end_of_lease(self, trial: str) -> float:
        return next(lease.expires for lease in self.world.store.leases(STUDY) if lease.trial == trial)


def work(path: Path, number: int, specs: list[TrialSpec], is_deaf: bool) -> None:
    """One of several processes that share a study."""
    with open_store(path / "study.db") as opened:
        world = WorldEvaluator(WORLD, opened, lambda trial, spec: tell(path / f"{number}.log", trial))
        executor = (
            LocalExecutor(opened, {"finetune": Deaf(world)}, lease_s=SHORT_LEASE_S)
            if is_deaf
            else LocalExecutor(opened, world.by_name())
        )
        found = list(executor.run(STUDY, specs))
        (path / f"{number}.found").write_text(json.dumps([trial.outcome.score if trial else None for trial in found]))


def tell(path: Path, line: str) -> None:
    with path.open("a") as file:
        file.write(line + "\n")


@pytest.mark.parametrize(("trials", "is_deaf"), [(24, False), (2, True)], ids=["quick", "slower than their lease"])
def test_two_processes_share_a_study_and_do_every_trial_once(
    store: Store, tmp_path: Path, trials: int, is_deaf: bool
) -> None:
    specs = [TrialSpec(RankPlan((number % 8, 1, 2)), number // 8, 1e-3, 6) for number in range(trials)]
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=work, args=(tmp_path, number, specs, is_deaf)) for number in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    done = [line for number in range(2) for line in _lines(tmp_path / f"{number}.log")]
    assert sorted(done) == sorted(spec.id(CONTEXT) for spec in specs)
    assert (tmp_path / "0.found").read_text() == (tmp_path / "1.found").read_text()


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []
