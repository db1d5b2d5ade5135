"""Estimates join cuts and short runs on one scale; seeds are spent only where they could change a decision."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darse.ranks.plan import RankPlan
from darse.search.calibrate import Calibration
from darse.search.history import History
from darse.search.scoring import estimates, holds, is_settled, may_hold, short_epochs
from darse.store.trial import Outcome, Trial, TrialSpec

from .worlds import EPOCHS, layers, problem
from .written import a_calibration, asked_of

GIVEN = problem(layers(3))
PARENT = TrialSpec(GIVEN.uniform(16), 0, 1e-3, EPOCHS)
CALIBRATION = Calibration(1e-3, 0.01, 1, 16, {1e-3: 1.0}, (PARENT.id(GIVEN.context),), 16.0)
PLANS = [RankPlan(ranks) for ranks in ((1, 1, 1), (0, 2, 0), (4, 0, 0), (0, 0, 8), (2, 2, 0))]
score = st.floats(0.1, 2.0)


def estimated(
    cuts: Mapping[RankPlan, float | None], short: Mapping[RankPlan, float | None], *, epochs: int = EPOCHS
) -> tuple[dict[RankPlan, float], list[TrialSpec]]:
    given = problem(layers(3)) if epochs == EPOCHS else type(GIVEN)(GIVEN.sites, GIVEN.settings, epochs, None, "0" * 64)
    parent = Trial(PARENT.id(given.context), PARENT, Outcome(1.0, {}, ""))

    def stage(history: History) -> dict[RankPlan, float]:
        known = History(given, {parent.id: parent, **history.trials}, history.failed)
        return estimates(known, CALIBRATION, list(cuts), short)

    return asked_of(stage, given, lambda spec: (cuts if spec.evaluator == "truncate" else short)[spec.plan])


@given(st.lists(score, min_size=5, max_size=5, unique=True))
def test_cuts_alone_keep_their_order(cuts: list[float]) -> None:
    found, asked = estimated(dict(zip(PLANS, cuts, strict=True)), {})
    assert [found[plan] for plan in PLANS] == cuts
    assert {spec.evaluator for spec in asked} == {"truncate"}


@given(st.lists(score, min_size=5, max_size=5, unique=True), st.floats(0.1, 10), st.floats(-5, 5))
def test_the_scale_of_cuts_is_of_no_matter(cuts: list[float], stretch: float, shift: float) -> None:
    short = dict(zip(PLANS, (0.7, 0.65, 0.72, 0.61), strict=False))
    first, _ = estimated(dict(zip(PLANS, cuts, strict=True)), short)
    other, _ = estimated({plan: shift + stretch * cut for plan, cut in zip(PLANS, cuts, strict=True)}, short)
    assert [other[plan] for plan in PLANS] == pytest.approx([first[plan] for plan in PLANS], rel=1e-5)


@given(st.lists(st.tuples(score, score), min_size=5, max_size=5))
def test_a_plan_better_in_both_is_better(scores: list[tuple[float, float]]) -> None:
    both = dict(zip(PLANS, scores, strict=True))
    found, _ = estimated(
        {plan: cut for plan, (cut, _) in both.items()}, {plan: short for plan, (_, short) in both.items()}
    )
    for one in PLANS:
        for other in PLANS:
            if both[one][0] <= both[other][0] and both[one][1] <= both[other][1]:
                assert found[one] <= found[other] + 1e-9


def test_a_short_run_that_fails_rules_its_plan_out_and_a_cut_that_fails_does_not() -> None:
    cuts: dict[RankPlan, float | None] = dict.fromkeys(PLANS, 0.5)
    found, _ = estimated({**cuts, PLANS[1]: None}, {PLANS[0]: None, PLANS[1]: 0.4, PLANS[2]: 0.5})
    assert found[PLANS[0]] == math.inf
    assert found[PLANS[1]] == 0.4
    assert found[PLANS[3]] == pytest.approx(0.5)


def test_where_limits_leave_no_short_run_the_cut_stands_alone() -> None:
    parent = Trial(PARENT.id(GIVEN.context), PARENT, Outcome(1.0, {}, ""))
    known = History(GIVEN, {parent.id: parent}, is_closed=True, are_cuts_closed=False)

    def stage(history: History) -> dict[RankPlan, float]:
        trials = {**known.trials, **history.trials}
        return estimates(History(GIVEN, trials, is_closed=True), CALIBRATION, PLANS, PLANS)

    found, _ = asked_of(stage, GIVEN, lambda spec: float(PLANS.index(spec.plan)))
    assert [found[plan] for plan in PLANS] == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_where_a_short_run_is_a_full_one_its_score_needs_no_cut_beside_it() -> None:
    assert short_epochs(1) == 1
    found, _ = estimated(dict.fromkeys(PLANS, 0.9), dict.fromkeys(PLANS[:3], 0.5), epochs=1)
    assert [found[plan] for plan in PLANS[:3]] == [0.5] * 3


def test_with_finetune_every_plan_is_trained_in_full() -> None:
    given = problem(layers(3), evaluator="finetune")
    found, asked = asked_of(
        lambda history: estimates(history, a_calibration(given), PLANS, PLANS[:1]), given, lambda spec: 0.3
    )
    assert set(found) == set(PLANS)
    assert {(spec.evaluator, spec.epochs) for spec in asked} == {("finetune", EPOCHS)}


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
