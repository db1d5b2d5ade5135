"""The executor in this process: leases renewed and lost, a watcher told, processes side by side."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from darse.execute.evaluator import Feedback
from darse.execute.local import LEASE_S, LocalExecutor, Watcher
from darse.ranks.plan import RankPlan
from darse.store.open import open_store
from darse.store.protocol import Store
from darse.store.trial import Outcome, Trial, TrialSpec
from darse.train.checkpoint import forgetting

from ..search.worlds import CONTEXT, WorldEvaluator
from .conftest import STUDY
from .test_executor_contract import NAMES, SPECS, WORLD, Clock, local

SHORT_LEASE_S = 2.0
DEADLINE_S = 60.0


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


def test_the_watcher_is_told_and_the_checkpoint_forgotten_once_the_outcome_is_stored(store: Store) -> None:
    story: list[str] = []
    watcher = Watcher(
        started=lambda spec: story.append(f"started {spec.plan} {spec.seed}"),
        finished=lambda trial: story.append(f"finished {trial.spec.plan} {trial.spec.seed}"),
        failed=lambda failure: story.append(f"failed {failure.spec.plan} {failure.spec.seed}"),
    )
    world = replace(WORLD, fails=lambda spec: spec == SPECS[1])
    executor = replace(
        local(store, world),
        watcher=watcher,
        forget=lambda trial: story.append(f"forgot {NAMES.index(trial)} of {len(store.trials(STUDY))}"),
    )
    list(executor.run(STUDY, SPECS[:2]))
    first = ["started 1 0 2 0", "forgot 0 of 1", "finished 1 0 2 0"]
    assert story == [*first, "started 1 0 2 1", "forgot 1 of 1", "failed 1 0 2 1"]


def test_checkpoints_of_trials_that_have_ended_are_forgotten_and_no_others(store: Store, tmp_path: Path) -> None:
    world = replace(WORLD, fails=lambda spec: spec == SPECS[1])
    list(local(store, world).run(STUDY, SPECS[:2]))
    for name in NAMES[:3]:
        (tmp_path / f"{name}.safetensors").write_bytes(b"left by a kill")
    LocalExecutor(store, {}, forgetting(tmp_path)).forget_ended(STUDY)
    assert [path.stem for path in tmp_path.glob("*.safetensors")] == [NAMES[2]]


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
