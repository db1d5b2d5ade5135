"""Controls cost what they should and are never the plan itself."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darse.ranks.plan import RankPlan, Site, cost
from darse.search.controls import controls_for, equal_cost_uniform, shuffled

from .worlds import fits, layers, modules

SHAPES = st.lists(st.sampled_from([(8, 8), (4, 12), (8, 24), (24, 8), (30, 30)]), min_size=1, max_size=8)


@st.composite
def planned(draw: st.DrawFn) -> tuple[tuple[Site, ...], RankPlan]:
    sites = modules(draw(SHAPES))
    plan = RankPlan.of(draw(st.integers(0, site.max_rank)) for site in sites)
    return (sites, plan) if plan.active else (sites, plan.replace(0, 1))


@given(planned(), st.integers(0, 5))
def test_shuffled_costs_the_same_fits_the_sites_and_differs_where_it_can(
    given: tuple[tuple[Site, ...], RankPlan], seed: int
) -> None:
    sites, plan = given
    other = shuffled(plan, sites, seed=seed)
    assert fits(other, sites)
    assert cost(other, sites) == cost(plan, sites)
    assert Counter(other) == Counter(plan)
    assert other == shuffled(plan, sites, seed=seed)
    kinds: dict[tuple[int, int], set[int]] = {}
    for rank, site in zip(plan, sites, strict=True):
        kinds.setdefault((site.unit_cost, site.max_rank), set()).add(rank)
    can_differ = any(len(ranks) > 1 for ranks in kinds.values())
    assert (other != plan) == can_differ


@given(planned())
def test_uniform_of_equal_cost_is_the_cheapest_that_costs_at_least_as_much(
    given: tuple[tuple[Site, ...], RankPlan],
) -> None:
    sites, plan = given
    control = equal_cost_uniform(plan, sites)
    rank = max(control)
    assert control == RankPlan.uniform(sites, rank)
    assert cost(control, sites) >= cost(plan, sites)
    assert rank == 1 or cost(RankPlan.uniform(sites, rank - 1), sites) < cost(plan, sites)


@given(planned(), st.integers(1, 30))
def test_no_control_is_the_plan_or_another_control(given: tuple[tuple[Site, ...], RankPlan], rank: int) -> None:
    sites, plan = given
    plans = [one.plan for one in controls_for(plan, sites, best_uniform=RankPlan.uniform(sites, rank), seed=0)]
    assert plan not in plans
    assert len(set(plans)) == len(plans)


@pytest.mark.parametrize(("has_head", "last"), [(True, ["head alone"]), (False, [])])
def test_a_plan_with_a_peak_has_all_controls(has_head: bool, last: list[str]) -> None:
    plan, best = RankPlan((0, 2, 6, 2, 0, 0)), RankPlan((8,) * 6)
    controls = controls_for(plan, layers(6), best_uniform=best, best_layer_wise=plan, has_head=has_head, seed=0)
    assert [one.name for one in controls] == ["best uniform", "uniform of equal cost", "shuffled", *last]


def test_the_best_uniform_plan_has_to_beat_the_best_layer_wise_one() -> None:
    plan, rival = RankPlan((4,) * 6), RankPlan((0, 2, 6, 2, 0, 0))
    controls = controls_for(plan, layers(6), best_uniform=plan, best_layer_wise=rival, has_head=False, seed=0)
    assert [(one.name, one.plan) for one in controls] == [("best layer-wise", rival)]
