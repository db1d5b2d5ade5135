"""Layers: of the found plan, with what its run did, and of runs that have no sites."""

from __future__ import annotations

import math

import pytest

from darse.analysis.layers import OUTSIDE, layers_of, points_by_layer
from darse.ranks.plan import RankPlan
from darse.store.trial import Outcome, Trial, TrialSpec
from darse.train.trace import Trace, TracePoint
from tests.analysis.samples import a_result, a_study, traced

MODULES_OF_A_LAYER = 6


def test_each_site_has_the_rank_of_the_plan_the_measured_gain_and_what_its_own_pairs_did() -> None:
    result = a_result()
    found = layers_of(a_study(result, trace=traced(result)))
    assert [layer.rank for layer in found.layers] == list(result.plan)
    assert found.run is not None
    assert found.run.spec.plan == result.plan
    for layer in found.layers:
        assert layer.gain is not None
        assert layer.gain.rank == 0
        if not layer.rank:
            assert layer.points == ()
            continue
        assert [point.epoch for point in layer.points] == [1, 2]
        assert layer.last is not None
        assert layer.last.gradient == pytest.approx(2 * math.sqrt(MODULES_OF_A_LAYER))
        assert layer.last.update == pytest.approx(layer.rank * math.sqrt(MODULES_OF_A_LAYER))
        assert layer.last.effective_rank == layer.rank / 2


def test_without_a_trace_ranks_and_gains_are_still_there() -> None:
    found = layers_of(a_study(a_result()))
    assert found.run is None
    assert {layer.points for layer in found.layers} == {()}
    assert any(layer.rank for layer in found.layers)


def test_a_run_without_sites_is_grouped_by_layer_with_what_lies_outside_last() -> None:
    point = TracePoint(1, (3.0, 4.0, 1.0, 2.0), (3.0, 4.0, 1.0, 2.0), (1.0, 2.0, 1.0, 1.5))
    trace = Trace(("m.layers.10.q", "m.layers.10.v", "m.layers.2.q", "classifier"), (4, 8, 2, 1), (point,))
    run = Trial("a" * 32, TrialSpec(RankPlan((4, 8, 2, 1)), 0, 1e-3, 1, "trainer"), Outcome(0.5, {}, ""))
    found = layers_of(a_study(trials=[run], trace=lambda trial: trace))
    assert [(layer.name, layer.rank) for layer in found.layers] == [("layer 2", 2), ("layer 10", 8), (OUTSIDE, 1)]
    assert points_by_layer(trace)["layer 10"][0].update == 5.0
    assert points_by_layer(trace)["layer 10"][0].effective_rank == 1.5


def test_a_study_without_any_trial_has_no_layers() -> None:
    assert layers_of(a_study(trials=[])).layers == ()
