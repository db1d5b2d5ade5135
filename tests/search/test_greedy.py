"""The published allocation keeps the budget and never follows noise."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darse.ranks.plan import RankPlan, cost
from darse.search.greedy import greedy_plans
from darse.search.history import History
from darse.search.uniform import Fine
from darse.store.trial import TrialSpec

from .worlds import World, layers, modules, problem
from .written import Scores, a_calibration, asked_of


def path(
    shapes: list[tuple[int, int]] | None, budget: int, scores: Scores, *, noise_floor: float, rank: int = 4
) -> tuple[list[RankPlan], list[TrialSpec]]:
    sites = layers(6) if shapes is None else modules(shapes)
    given = problem(sites, evaluator="finetune", strategy="greedy")
    calibration = a_calibration(given, noise_floor=noise_floor)

    def stage(history: History) -> list[RankPlan]:
        return greedy_plans(history, calibration, Fine(rank, {}), budget)

    return asked_of(stage, given, scores)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(4, 40), st.integers(4, 40)), min_size=1, max_size=6),
    st.floats(0, 1),
    st.floats(0, 0.1),
    st.data(),
)
def test_every_step_keeps_the_budget_and_gains_more_than_the_noise(
    shapes: list[tuple[int, int]], peak: float, noise_floor: float, data: st.DataObject
) -> None:
    sites = modules(shapes)
    cheapest = min(site.unit_cost for site in sites)
    budget = data.draw(st.integers(cheapest, 8 * sum(site.unit_cost for site in sites)))
    world = World(len(sites), peak=peak)
    plans, asked = path(shapes, budget, lambda spec: world.level(spec.plan), noise_floor=noise_floor)
    assert all(cost(spec.plan, sites) <= budget for spec in asked)
    assert all(cost(plan, sites) <= budget and plan.active for plan in plans)
    assert all(rank <= site.max_rank for plan in plans for rank, site in zip(plan, sites, strict=True))
    levels = [world.level(plan) for plan in plans]
    assert all(before - after > noise_floor for before, after in pairwise(levels))


def test_rank_moves_towards_the_peak() -> None:
    world = World(6, peak=0.4, width=0.1, scale=8.0)
    plans, _ = path(None, 10**9, lambda spec: world.level(spec.plan), noise_floor=0.0)
    assert len(plans) > 1
    assert plans[-1][2] == max(plans[-1])
    assert plans[-1][5] < 4


@pytest.mark.parametrize("world", [World(6, gain=0.0, noise=0.0), World(6, width=1e9, noise=0.0)])
def test_a_profile_without_a_peak_is_left_uniform(world: World) -> None:
    plans, _ = path(None, cost(RankPlan((4,) * 6), layers(6)), lambda spec: world.level(spec.plan), noise_floor=0.001)
    assert plans == [RankPlan((4,) * 6)]


def test_a_site_whose_trial_failed_is_neither_giver_nor_taker() -> None:
    world = World(6, peak=0.4, width=0.1, scale=8.0)

    def scores(spec: TrialSpec) -> float | None:
        return None if spec.plan[2] == 2 else world.level(spec.plan)

    plans, _ = path(None, 10**9, scores, noise_floor=0.0)
    assert all(plan[2] == 4 for plan in plans)


def test_where_everything_fails_the_start_is_all_there_is() -> None:
    plans, _ = path(None, 10**9, lambda spec: None, noise_floor=0.01)
    assert plans == [RankPlan((4,) * 6)]


def test_a_budget_below_uniform_rank_1_starts_from_the_sites_it_affords() -> None:
    plans, _ = path([(1, 4), (5, 5), (1, 4)], 12, lambda spec: 1.0, noise_floor=0.01)
    assert plans[0] == RankPlan((1, 0, 1))
