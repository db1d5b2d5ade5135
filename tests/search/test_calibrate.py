"""The learning rate is found by walking the grid, at the calibrated rank and the lowest; the seeds tell the noise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given as with_
from hypothesis import strategies as st

from darse.ranks.plan import RankPlan
from darse.search.calibrate import UNKNOWN_NOISE, calibrate, noise_of
from darse.search.history import History
from darse.store.trial import Outcome, Trial, TrialSpec

from .worlds import layers, modules, problem
from .written import Scores, asked_of

GRID = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)


def bowl(best: float) -> Scores:
    return lambda spec: math.log(spec.learning_rate / best) ** 2 + 0.01 * spec.seed


@pytest.mark.parametrize("best", GRID)
@pytest.mark.parametrize("rates", [GRID, GRID[::-1]])
def test_walk_ends_at_the_best_rate_also_at_both_ends(best: float, rates: tuple[float, ...]) -> None:
    found, asked = asked_of(calibrate, problem(layers(4), learning_rates=rates), bowl(best))
    assert found.learning_rate == best
    assert len(asked) == len(set(asked)) == len(found.tried) + len(found.tried_low) + 2


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
    assert found.noise_floor == noise_of([0.0, 0.01, 0.02])
    specs = [spec for spec in asked if spec.learning_rate == 1e-3 and spec.plan.ranks == (16,) * 4]
    assert found.parents == tuple(spec.id(given.context) for spec in sorted(specs, key=lambda spec: spec.seed))


@with_(st.lists(st.floats(0.1, 10), min_size=2, max_size=40))
def test_noise_lies_between_what_is_assumed_and_what_the_seeds_show(scores: list[float]) -> None:
    shown, assumed = float(np.std(scores, ddof=1)), UNKNOWN_NOISE * float(np.mean(scores))
    assert min(shown, assumed) * (1 - 1e-9) <= noise_of(scores) <= max(shown, assumed) * (1 + 1e-9)


def test_with_many_seeds_noise_is_what_they_show() -> None:
    scores = np.random.default_rng(3).normal(1.0, 0.2, 4000)
    assert noise_of(list(scores)) == pytest.approx(0.2, rel=0.05)


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
        assert {spec.plan.ranks for spec in asked} == {(rank,) * 4, (1,) * 4}


def rising(exponent: float) -> Scores:
    """The best rate is 1e-3 at rank 16 and grows with a power of the rank as it falls."""
    return lambda spec: math.log(spec.learning_rate / (1e-3 * (16 / spec.plan[0]) ** exponent)) ** 2


@pytest.mark.parametrize("exponent", [0.0, 0.25, 0.5, 0.75])
def test_the_rate_of_every_rank_is_that_of_the_law_between_both_ends(exponent: float) -> None:
    given = problem(layers(4))
    found, _ = asked_of(calibrate, given, rising(exponent))
    assert found.rate_exponent == pytest.approx(exponent)
    for rank in (1, 2, 4, 8, 16):
        wanted = 1e-3 * (16 / rank) ** exponent
        assert found.rate(given.uniform(rank)) == pytest.approx(wanted, rel=0.01)
        assert found.rate(RankPlan((0, rank, 0, rank))) == pytest.approx(wanted, rel=0.01)
    assert found.rate(given.uniform(0)) == 1e-3
    assert found.rate(RankPlan((1, 16, 1, 16))) == found.rate(given.uniform(4))


def test_rates_are_never_lower_at_lower_ranks() -> None:
    found, _ = asked_of(calibrate, problem(layers(4)), rising(-0.5))
    assert found.rate_exponent == 0


@pytest.mark.parametrize("options", [{"preset": "paper"}, {"learning_rates": (1e-3,)}, {"min_rank": 16}])
def test_one_rate_is_taken_for_all_ranks_where_there_is_nothing_to_find_out(options: dict[str, object]) -> None:
    found, asked = asked_of(calibrate, problem(layers(4), **options), rising(0.5))
    assert (found.rate_exponent, found.tried_low) == (0, {})
    assert len({spec.plan for spec in asked}) == 1


def test_where_limits_leave_the_lowest_rank_untried_one_rate_is_taken() -> None:
    given = problem(layers(4))
    parent = TrialSpec(given.uniform(16), 0, 1e-3, given.epochs)
    trials = {parent.id(given.context): Trial(parent.id(given.context), parent, Outcome(1.0, {}, ""))}
    assert calibrate(History(given, trials, is_closed=True)).rate_exponent == 0


def test_at_the_lowest_rank_no_rate_below_the_best_is_tried() -> None:
    for best in GRID:
        found, asked = asked_of(calibrate, problem(layers(4), learning_rates=GRID), bowl(best))
        low = [spec.learning_rate for spec in asked if spec.plan.ranks == (1,) * 4]
        assert low == sorted(found.tried_low)
        assert min(low) == best
        assert len(low) <= 2


def test_the_calibrated_plan_has_its_rate_to_the_bit_also_where_narrow_sites_cannot_carry_its_rank() -> None:
    given = problem(modules([(64, 64), (4, 64), (64, 2)]), learning_rates=(0.0012345, 0.0045678))
    found, _ = asked_of(
        calibrate, given, lambda spec: abs(spec.learning_rate - (0.0012345 if spec.plan[0] > 1 else 0.0045678))
    )
    assert found.rate_exponent > 0
    assert found.rate(given.uniform(found.rank)) == 0.0012345
    assert found.rate(given.uniform(1)) == pytest.approx(0.0045678, rel=1e-2)


def test_a_loss_of_ones_own_has_no_assumed_noise() -> None:
    for shift in (0.0, 100.0, -1.0):
        scores = [shift + 0.99, shift + 1.0, shift + 1.01]
        assert noise_of(scores, is_moderated=False) == pytest.approx(0.01)
