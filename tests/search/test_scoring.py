"""What compares plans of different shape; and seeds are spent only where they could change a decision."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darse.ranks.plan import RankPlan
from darse.search.calibrate import Calibration
from darse.search.history import History, Problem
from darse.search.scoring import estimates, holds, is_settled, may_hold
from darse.store.trial import Outcome, Trial, TrialSpec

from .worlds import EPOCHS, layers, problem
from .written import a_calibration, asked_of

GIVEN = problem(layers(3))
PARENT = TrialSpec(GIVEN.uniform(16), 0, 1e-3, EPOCHS)
CALIBRATION = Calibration(1e-3, 0.01, 1, 16, {1e-3: 1.0}, (PARENT.id(GIVEN.context),), 16.0)
PLANS = [RankPlan(ranks) for ranks in ((1, 1, 1), (0, 2, 0), (4, 0, 0), (0, 0, 8), (2, 2, 0))]


def estimated(scores: Mapping[str, float | None], given: Problem = GIVEN) -> tuple[list[float], set[str]]:
    """Estimates of all plans where every evaluator gives each of them its own score plus the plan's place."""
    parent = Trial(PARENT.id(given.context), PARENT, Outcome(1.0, {}, ""))

    def stage(history: History) -> dict[RankPlan, float]:
        known = replace(history, trials={parent.id: parent, **history.trials})
        return estimates(known, CALIBRATION, PLANS)

    def of(spec: TrialSpec) -> float | None:
        score = scores[spec.evaluator]
        return None if score is None else score + PLANS.index(spec.plan)

    found, asked = asked_of(stage, given, of)
    return [found[plan] for plan in PLANS], {spec.evaluator for spec in asked}


def test_plans_of_different_shape_are_compared_by_their_gradients_alone() -> None:
    assert estimated({"tangent": 0.5, "truncate": 0.7}) == ([0.5, 1.5, 2.5, 3.5, 4.5], {"tangent"})


def test_cuts_stand_in_where_no_gradients_can_be_had() -> None:
    assert estimated({"tangent": None, "truncate": 0.7})[0] == [0.7, 1.7, 2.7, 3.7, 4.7]


def test_a_plan_whose_estimate_fails_is_no_plan_to_choose() -> None:
    found, _ = asked_of(
        lambda history: estimates(history, CALIBRATION, PLANS),
        GIVEN,
        lambda spec: None if spec.plan == PLANS[0] else 0.5,
    )
    assert list(found.values()) == [math.inf, 0.5, 0.5, 0.5, 0.5]


def test_with_finetune_every_plan_is_trained_in_full() -> None:
    assert estimated({"finetune": 0.3}, problem(layers(3), evaluator="finetune")) == (
        [0.3, 1.3, 2.3, 3.3, 4.3],
        {"finetune"},
    )


def held(gap: float, *, noise: float, seeds: int = 5) -> tuple[bool, int]:
    """Whether a plan that always loses the same holds, and how many runs that took."""
    plan, reference = PLANS[1], PLANS[0]
    calibration = a_calibration(GIVEN, noise_floor=noise)
    found, asked = asked_of(
        lambda history: holds(history, calibration, plan, reference, seeds=seeds),
        GIVEN,
        lambda spec: 1.0 + gap * (spec.plan == plan),
    )
    return found, len(asked)


@pytest.mark.parametrize(("gap", "answer", "runs"), [(-1.0, True, 4), (1.0, False, 2), (0.0, True, 8)])
def test_a_clear_loss_takes_one_seed_a_clear_gain_two_and_a_close_one_more(gap: float, answer: bool, runs: int) -> None:
    assert held(gap, noise=0.1) == (answer, runs)


@given(st.floats(-0.5, 0.5), st.floats(0.001, 0.3), st.integers(1, 6))
def test_a_steady_difference_is_judged_as_all_seeds_would_judge_it(gap: float, noise: float, seeds: int) -> None:
    limit = noise * math.sqrt(2 / seeds)
    if abs(gap - limit) > 1e-9:
        assert held(gap, noise=noise, seeds=seeds)[0] == (gap <= limit)


@given(st.floats(-0.5, 0.5), st.floats(0.001, 0.3), st.integers(2, 6))
def test_what_holds_over_all_seeds_may_hold_after_one(gap: float, noise: float, seeds: int) -> None:
    plan, reference = PLANS[1], PLANS[0]
    calibration = a_calibration(GIVEN, noise_floor=noise)
    found, asked = asked_of(
        lambda history: may_hold(history, calibration, plan, reference, seeds=seeds),
        GIVEN,
        lambda spec: 1.0 + gap * (spec.plan == plan),
    )
    assert len(asked) == 2
    assert found or not held(gap, noise=noise, seeds=seeds)[0]


def test_where_later_seeds_fail_the_limit_is_that_of_those_that_ran() -> None:
    plan, reference, noise = PLANS[1], PLANS[0], 0.1
    calibration = a_calibration(GIVEN, noise_floor=noise)
    answers = {
        gap: asked_of(
            lambda history: holds(history, calibration, plan, reference, seeds=3),
            GIVEN,
            lambda spec, gap=gap: None if spec.seed else 1.0 + gap * (spec.plan == plan),  # type: ignore[misc]
        )[0]
        for gap in (1.3 * noise, 1.5 * noise)
    }
    assert list(answers.values()) == [True, False]


@pytest.mark.parametrize("gap", [-1.0, 0.0, 0.5, 1.0, 2.0])
def test_nine_of_ten_early_decisions_are_those_of_all_seeds(gap: float) -> None:
    """Simulated with independent runs, the hardest case: differences have the spread sqrt(2) times the noise."""
    seeds, games, agreed, spent = 3, 4000, 0, 0
    limit = math.sqrt(2 / seeds)
    differences = np.random.default_rng(7).normal(gap, math.sqrt(2), (games, seeds))
    for game in differences:
        known = next((n for n in range(1, seeds) if is_settled(list(game[:n]), limit, seeds=seeds, noise=1.0)), seeds)
        agreed += (game[:known].mean() <= limit) == (game.mean() <= limit)
        spent += known
    assert agreed >= 0.9 * games
    assert spent < 0.95 * seeds * games
