"""What a score costs; and seeds are spent only where they could change a decision."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darse.ranks.plan import RankPlan
from darse.search.calibrate import Calibration
from darse.search.history import History, Problem
from darse.search.scoring import SHORT_PART, holds, is_settled, search_scores, short_scores
from darse.store.trial import Outcome, Trial, TrialSpec

from .worlds import EPOCHS, layers, problem
from .written import a_calibration, asked_of

GIVEN = problem(layers(3))
PARENT = TrialSpec(GIVEN.uniform(16), 0, 1e-3, EPOCHS)
CALIBRATION = Calibration(1e-3, 0.01, 1, 16, {1e-3: 1.0}, (PARENT.id(GIVEN.context),), 16.0)
PLANS = [RankPlan(ranks) for ranks in ((1, 1, 1), (0, 2, 0), (4, 0, 0), (0, 0, 8), (2, 2, 0))]


def asked_for(stage: Callable[[History], object], given: Problem) -> set[tuple[str, int, tuple[str, ...]]]:
    parent = Trial(PARENT.id(given.context), PARENT, Outcome(1.0, {}, ""))
    _, asked = asked_of(
        lambda history: stage(replace(history, trials={parent.id: parent, **history.trials})), given, lambda spec: 0.5
    )
    assert {spec.plan for spec in asked} == set(PLANS)
    return {(spec.evaluator, spec.epochs, spec.parents) for spec in asked}


def test_plans_are_scored_by_cuts_of_the_calibrated_runs_or_trained_in_full() -> None:
    assert asked_for(lambda history: search_scores(history, CALIBRATION, PLANS), GIVEN) == {
        ("truncate", 0, CALIBRATION.parents)
    }
    trained = problem(layers(3), evaluator="finetune")
    assert asked_for(lambda history: search_scores(history, CALIBRATION, PLANS), trained) == {("finetune", EPOCHS, ())}


def test_a_short_run_is_a_third_of_a_full_one_and_there_is_none_where_all_are_trained_in_full() -> None:
    trained = problem(layers(3), evaluator="finetune")
    for one, epochs in ((GIVEN, EPOCHS // SHORT_PART), (trained, EPOCHS), (replace(GIVEN, epochs=1), 1)):
        found = asked_for(lambda history: short_scores(history, CALIBRATION, PLANS), one)
        assert found == {("finetune", epochs, ())}


def test_without_a_run_to_cut_from_no_plan_has_a_score() -> None:
    without = replace(CALIBRATION, parents=())
    assert set(search_scores(History(GIVEN, {}), without, PLANS).values()) == {math.inf}


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
