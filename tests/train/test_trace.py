"""What a run says of its pairs: true of the weights it left, and training is the same to the bit without it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch

from darse.model.audit import effective_rank
from darse.model.weights import scaling
from darse.settings import TrainSettings
from darse.train import loop
from darse.train.trace import TracePoint, Tracer
from tests.model.samples import JOINT, Setup, new_setup, train_shortly


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Setup:
    return new_setup("bert", tmp_path_factory.mktemp("trace") / "bert", JOINT)


class Blind(Tracer):
    """Looks at nothing."""

    def step(self, sums: Sequence[float]) -> tuple[float, ...]:
        return ()

    def point(self, epoch: int, sums: Sequence[float], steps: int) -> TracePoint:
        return TracePoint(epoch, (), (), ())


def test_training_is_the_same_to_the_bit_whether_or_not_anybody_watches(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = setup.fresh(setup.ranks(2, 0, 1, 3))
    watched = train_shortly(setup, start, epochs=3)
    monkeypatch.setattr(loop, "Tracer", Blind)
    alone = train_shortly(setup, start, epochs=3)
    assert alone.progress.curve == watched.progress.curve
    others = alone.weights.tensors()
    assert all(torch.equal(value, others[name]) for name, value in watched.weights.tensors().items())


def test_the_last_point_is_that_of_the_weights_that_are_left(setup: Setup) -> None:
    start = setup.fresh(setup.ranks(2, 0, 1, 3))
    falling = iter(range(9, 0, -1))
    trained = train_shortly(setup, start, epochs=3, validate=lambda: float(next(falling)))
    trace = trained.trace
    assert [point.epoch for point in trace.points] == [1, 2, 3]
    for place, name in enumerate(trace.modules):
        pair = trained.weights.pairs[name]
        dense = scaling(start.alpha, pair.rank) * pair.up.double() @ pair.down.double()
        spectrum = torch.linalg.svdvals(dense)[: pair.rank].tolist()
        last = trace.points[-1]
        assert trace.ranks[place] == pair.rank
        assert last.update[place] == pytest.approx(float(dense.norm()), rel=1e-6)
        assert last.effective_rank[place] == pytest.approx(effective_rank(spectrum), rel=1e-6)
        assert 0 < last.effective_rank[place] <= pair.rank + 1e-9


def test_gradients_are_told_as_the_optimizer_gets_them(setup: Setup) -> None:
    limit = TrainSettings().max_gradient_norm
    for point in train_shortly(setup, setup.fresh(setup.ranks(2, 0, 1, 3)), epochs=2).trace.points:
        assert all(value > 0 for value in point.gradient)
        # the norm of means is no larger than the mean of norms, and none of those passes the limit
        assert math.hypot(*point.gradient) <= limit * (1 + 1e-6)


def test_a_run_without_pairs_has_an_empty_trace(setup: Setup) -> None:
    trace = train_shortly(setup, setup.fresh({}), epochs=1).trace
    assert trace.modules == ()
    assert trace.points == (TracePoint(1, (), (), ()),)
