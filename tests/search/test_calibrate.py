"""The learning rate is found by walking the grid from its middle; the seeds tell the noise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from darse.search.calibrate import calibrate
from darse.store.trial import TrialSpec

from .worlds import layers, problem
from .written import Scores, asked_of

GRID = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)


def bowl(best: float) -> Scores:
    return lambda spec: math.log(spec.learning_rate / best) ** 2 + 0.01 * spec.seed


@pytest.mark.parametrize("best", GRID)
@pytest.mark.parametrize("rates", [GRID, GRID[::-1]])
def test_walk_ends_at_the_best_rate_also_at_both_ends(best: float, rates: tuple[float, ...]) -> None:
    found, asked = asked_of(calibrate, problem(layers(4), learning_rates=rates), bowl(best))
    assert found.learning_rate == best
    assert len(asked) == len(set(asked)) == len(found.tried) + 2


def test_walk_stops_at_the_first_rate_that_is_worse() -> None:
    found, _ = asked_of(calibrate, problem(layers(4), learning_rates=GRID), bowl(1e-3))
    assert set(found.tried) == {3e-4, 1e-3, 3e-3}


@pytest.mark.parametrize("rates", [(1e-3,), (1e-3, 2e-3)])
def test_one_or_two_rates_are_all_tried(rates: tuple[float, ...]) -> None:
    found, _ = asked_of(calibrate, problem(layers(4), learning_rates=rates), bowl(1e-3))
    assert found.learning_rate == 1e-3
    assert set(found.tried) == set(rates)


def test_noise_floor_is_the_spread_of_the_seeds_and_their_runs_are_the_parents() -> None:
    given = problem(layers(4), learning_rates=GRID, seeds=5)
    found, asked = asked_of(calibrate, given, bowl(1e-3))
    assert found.noise_floor == pytest.approx(float(np.std([0.0, 0.01, 0.02], ddof=1)))
    specs = [spec for spec in asked if spec.learning_rate == 1e-3]
    assert found.parents == tuple(spec.id(given.context) for spec in sorted(specs, key=lambda spec: spec.seed))


def test_a_failed_rate_is_worse_than_any() -> None:
    scores = bowl(1e-2)
    found, _ = asked_of(
        calibrate,
        problem(layers(4), learning_rates=GRID),
        lambda spec: None if spec.learning_rate > 2e-3 else scores(spec),
    )
    assert found.learning_rate == 1e-3


def test_where_both_middle_rates_fail_lower_ones_are_tried() -> None:
    def scores(spec: TrialSpec) -> float | None:
        return None if spec.learning_rate > 1e-4 else 1.0

    found, asked = asked_of(calibrate, problem(layers(4), learning_rates=GRID[:4]), scores)
    assert found.learning_rate == 1e-4
    assert all(spec.learning_rate <= 1e-3 for spec in asked)


def test_where_all_fail_there_are_no_parents_and_no_noise() -> None:
    found, _ = asked_of(calibrate, problem(layers(4), learning_rates=GRID), lambda spec: None)
    assert found.parents == ()
    assert found.noise_floor == 0.0


def test_cut_plans_descend_from_the_highest_rank_and_trained_ones_start_in_the_middle() -> None:
    for evaluator, rank in (("truncate", 16), ("finetune", 4)):
        found, asked = asked_of(calibrate, problem(layers(4), evaluator=evaluator), bowl(1e-3))
        assert found.rank == rank
        assert {spec.plan.ranks for spec in asked} == {(rank,) * 4}
