from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from darse.data.example import Task
from darse.errors import Interrupted, TrialError
from darse.model.weights import AdapterWeights
from darse.ranks.sites import find_layers
from darse.train.checkpoint import CheckpointFile
from darse.train.loop import Observer, Snapshot, Trained, training_loss
from tests.model.samples import CLASSES, JOINT, Setup, new_setup, train_shortly

EPOCHS, STEPS = 2, 3
"""Twelve rows in batches of four."""


@pytest.fixture(scope="module", params=["bert", "gpt2"])
def setup(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Setup:
    return new_setup(request.param, tmp_path_factory.mktemp("loop") / request.param, JOINT)


class Stop(Exception):  # noqa: N818 - a kill, not an error
    """Stands for a process that ends in the middle."""


class Recorder:
    """Keeps every snapshot."""

    def __init__(self) -> None:
        self.snapshots: list[Snapshot] = []

    def load(self) -> Snapshot | None:
        return None

    def save(self, snapshot: Snapshot) -> None:
        self.snapshots.append(snapshot)


class Given(Recorder):
    """Gives one snapshot, and keeps those that follow."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self.snapshot = snapshot

    def load(self) -> Snapshot | None:
        return self.snapshot


def is_same(first: Trained, second: Trained) -> bool:
    values = second.weights.tensors()
    return first.progress == second.progress and all(
        torch.equal(value, values[name]) for name, value in first.weights.tensors().items()
    )


def falling(scores: list[float]) -> Callable[[], float]:
    left: Iterator[float] = iter(scores)
    return lambda: next(left)


def test_a_run_resumed_at_any_of_its_steps_equals_the_uninterrupted_one_to_the_bit(setup: Setup) -> None:
    start = setup.fresh(setup.ranks(2, 0, 1, 3))
    recorder = Recorder()
    whole = train_shortly(setup, start, epochs=EPOCHS, checkpoint=recorder)
    assert len(recorder.snapshots) == EPOCHS * STEPS
    for snapshot in recorder.snapshots:
        assert is_same(train_shortly(setup, start, epochs=EPOCHS, checkpoint=Given(snapshot)), whole)


def test_a_run_stopped_at_every_step_in_turn_ends_as_the_uninterrupted_one(setup: Setup, tmp_path: Path) -> None:
    start = setup.fresh(setup.ranks(2, 0, 1, 3))
    whole = train_shortly(setup, start, epochs=EPOCHS)
    file = CheckpointFile(tmp_path / "run.safetensors")
    done: list[tuple[int, int]] = []

    def step(epoch: int, at: int, steps: int) -> None:
        assert steps == STEPS
        done.append((epoch, at))

    def stop_soon() -> None:
        if done and done[-1] != last:
            raise Stop

    for _ in range(EPOCHS * STEPS):
        last = done[-1] if done else None
        try:
            ended = train_shortly(setup, start, epochs=EPOCHS, checkpoint=file, observer=Observer(stop_soon, step))
        except Stop:
            continue
    assert is_same(ended, whole)
    assert done == [(epoch, at) for epoch in range(EPOCHS) for at in range(1, STEPS + 1)]


def test_a_wish_to_stop_saves_the_very_last_step(setup: Setup, tmp_path: Path) -> None:
    start = setup.fresh(setup.ranks(1, 1, 1, 1))
    file = CheckpointFile(tmp_path / "run.safetensors")
    calls = iter(range(100))

    def check() -> None:
        if next(calls) == 4:
            raise Interrupted(15)

    with pytest.raises(Interrupted):
        train_shortly(setup, start, checkpoint=file, observer=Observer(check), checkpoint_seconds=1e9)
    found = file.load()
    assert found is not None
    assert (found.progress.epoch, found.progress.step) == (1, 1)
    resumed = train_shortly(setup, start, checkpoint=file, checkpoint_seconds=1e9)
    assert is_same(resumed, train_shortly(setup, start))


def test_seconds_of_earlier_processes_are_added_up_and_change_nothing_else(setup: Setup) -> None:
    start, recorder = setup.fresh(setup.ranks(1, 1, 1, 1)), Recorder()
    whole = train_shortly(setup, start, epochs=EPOCHS, checkpoint=recorder)
    assert recorder.snapshots[0].progress.seconds > 0
    half = recorder.snapshots[STEPS]
    given = Given(replace(half, progress=replace(half.progress, seconds=1000.0)))
    resumed = train_shortly(setup, start, epochs=EPOCHS, checkpoint=given)
    assert is_same(resumed, whole)
    assert resumed.progress.seconds == 1000.0
    assert all(snapshot.progress.seconds > 1000.0 for snapshot in given.snapshots)


def test_a_wish_to_stop_before_the_first_step_can_be_resumed(setup: Setup, tmp_path: Path) -> None:
    start = setup.fresh(setup.ranks(1, 0, 0, 1))
    file = CheckpointFile(tmp_path / "run.safetensors")

    def check() -> None:
        raise Interrupted(2)

    with pytest.raises(Interrupted):
        train_shortly(setup, start, checkpoint=file, observer=Observer(check))
    assert file.load() is not None
    assert is_same(train_shortly(setup, start, checkpoint=file), train_shortly(setup, start))


def test_a_snapshot_of_another_plan_counts_as_none(setup: Setup) -> None:
    recorder = Recorder()
    train_shortly(setup, setup.fresh(setup.ranks(2, 0, 1, 3)), checkpoint=recorder)
    other = setup.fresh(setup.ranks(2, 1, 1, 3))
    assert is_same(train_shortly(setup, other, checkpoint=Given(recorder.snapshots[2])), train_shortly(setup, other))


def test_checkpoints_come_by_the_clock_over_epochs_and_not_only_within_one(setup: Setup) -> None:
    recorder = Recorder()
    train_shortly(setup, setup.fresh({}), epochs=4, checkpoint=recorder, checkpoint_seconds=1e9)
    assert not recorder.snapshots


def test_training_leaves_global_random_state_alone_and_does_not_depend_on_it(setup: Setup) -> None:
    start = setup.fresh(setup.ranks(2, 0, 1, 3))
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = train_shortly(setup, start)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert is_same(train_shortly(setup, start), first)


def test_the_first_step_of_plans_with_one_lowest_layer_has_the_same_loss_to_the_bit(setup: Setup) -> None:
    losses = []
    for plan in ((1, 1, 1, 1), (8, 0, 2, 4), (2, 0, 0, 0)):
        recorder = Recorder()
        train_shortly(setup, setup.fresh(setup.ranks(*plan)), epochs=1, checkpoint=recorder)
        losses.append(recorder.snapshots[0].progress.loss_sum)
    assert losses[0] == losses[1] == losses[2]
    assert losses[0] > 0


def test_a_layer_draws_the_same_dropout_in_every_plan_that_trains_it(setup: Setup) -> None:
    inside = next(find_layers(setup.model)[1][-1].children())
    seeds: list[int] = []
    with inside.register_forward_pre_hook(lambda *_: seeds.append(torch.initial_seed())):
        for plan in ((1, 1, 1, 1), (0, 0, 2, 0), (0, 0, 0, 1)):
            train_shortly(setup, setup.fresh(setup.ranks(*plan)), epochs=1, validate=lambda: 0.0)
    assert seeds == seeds[:STEPS] * 3
    assert len(set(seeds)) == STEPS


def test_another_seed_gives_another_run(setup: Setup) -> None:
    start = setup.fresh(setup.ranks(2, 0, 1, 3))
    assert not is_same(train_shortly(setup, start, seed=1), train_shortly(setup, start, seed=2))


def test_training_learns(setup: Setup) -> None:
    start = setup.fresh(setup.ranks(4, 4, 4, 4))
    curve = train_shortly(setup, start, epochs=15, patience=99).progress.curve
    losses = [loss for loss, _ in curve]
    assert sum(losses[-5:]) / 5 < 0.7 * losses[0]


def test_the_best_epoch_is_kept_and_a_run_stops_when_patience_is_over(setup: Setup) -> None:
    start = setup.fresh(setup.ranks(1, 1, 1, 1))
    scores = [3.0, 1.0, 1.0, 2.0, 0.0]
    ended = train_shortly(setup, start, epochs=5, patience=2, validate=falling(scores))
    assert (ended.progress.best_epoch, ended.progress.best_score, ended.progress.epoch) == (2, 1.0, 4)
    assert [score for _, score in ended.progress.curve] == scores[:4]
    states: list[AdapterWeights] = []
    recorder = Recorder()
    train_shortly(setup, start, epochs=5, patience=99, validate=falling(scores), checkpoint=recorder)
    for snapshot in recorder.snapshots:
        if (snapshot.progress.epoch, snapshot.progress.step) == (1, STEPS):
            now = {name[4:]: value for name, value in snapshot.tensors.items() if name.startswith("now:")}
            states.append(AdapterWeights.from_tensors(now, start.alpha))
    assert all(torch.equal(value, states[0].tensors()[name]) for name, value in ended.weights.tensors().items())


def test_a_loss_that_is_not_finite_fails_the_trial_with_the_rate_to_blame(setup: Setup) -> None:
    start = setup.fresh(setup.ranks(1, 1, 1, 1))
    broken = AdapterWeights(start.alpha, start.pairs, {k: torch.full_like(v, math.inf) for k, v in start.head.items()})
    with pytest.raises(TrialError, match=r"loss became (nan|inf) in epoch 1 at learning rate 0\.02; a lower"):
        train_shortly(setup, broken)
    assert not any(value.requires_grad for value in setup.model.parameters())


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_validation_score_that_is_not_finite_fails_the_trial(setup: Setup, score: float) -> None:
    with pytest.raises(TrialError, match="validation score became"):
        train_shortly(setup, setup.fresh({}), validate=lambda: score)


def test_the_joint_loss_is_the_sum_of_its_parts() -> None:
    logits = torch.tensor([[1.0, -1.0, 0.5], [0.0, 2.0, -0.5]])
    labels, scores = torch.tensor([0, 1]), torch.tensor([0.0, 1.0])
    classes = training_loss(logits[:, :2], labels, scores, Task(classes=("a", "b")))
    score = training_loss(logits[:, 2:], labels, scores, Task(has_score=True))
    assert score == pytest.approx((0.25 + 2.25) / 2)
    joint = training_loss(logits, labels, scores, replace(JOINT, has_target=False))
    assert joint == pytest.approx(float(classes + score))
    assert len(CLASSES.classes) == 3
