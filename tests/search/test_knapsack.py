"""The knapsack against looking at every combination."""

from __future__ import annotations

import itertools
import math

from hypothesis import given
from hypothesis import strategies as st

from darse.ranks.plan import RankPlan, cost
from darse.search.knapsack import best_plans

from .worlds import layers, modules

# losses are small whole numbers, so that sums are exact and equals are equal
OFFERS = st.dictionaries(st.integers(0, 6), st.integers(-3, 9).map(float), min_size=1, max_size=4)
SHAPES = st.lists(st.tuples(st.integers(6, 40), st.integers(6, 40)), min_size=1, max_size=4)


@given(SHAPES, st.data())
def test_solution_is_the_cheapest_of_the_best_combinations(shapes: list[tuple[int, int]], data: st.DataObject) -> None:
    sites = modules(shapes)
    table = [data.draw(OFFERS) for _ in sites]
    budget = data.draw(st.integers(0, 500))
    combinations = [
        (sum(offers[rank] for offers, rank in zip(table, ranks, strict=True)), spent)
        for ranks in itertools.product(*table)
        if (spent := cost(RankPlan.of(ranks), sites)) <= budget
    ]
    if not combinations:
        assert best_plans(table, sites, [budget]) == [None]
        return
    (plan,) = best_plans(table, sites, [budget])
    assert plan is not None
    loss = sum(offers[rank] for offers, rank in zip(table, plan, strict=True))
    assert (loss, cost(plan, sites)) == min(combinations)


@given(SHAPES, st.integers(20, 2000), st.integers(10, 400))
def test_a_unit_that_is_rounded_up_never_exceeds_the_budget(
    shapes: list[tuple[int, int]], budget: int, cells: int
) -> None:
    sites = modules(shapes)
    table = [{rank: -math.sqrt(rank) * (place + 1) for rank in range(7)} for place in range(len(sites))]
    (plan,) = best_plans(table, sites, [budget], cells=cells)
    assert plan is not None
    assert cost(plan, sites) <= budget


def test_rounding_up_loses_little_on_a_large_model() -> None:
    sites = modules([(768 + place, 3072 - place) for place in range(24)])
    table = [{rank: math.exp(-rank / 3) * (1 + place % 5) for rank in range(9)} for place in range(24)]
    found = [*best_plans(table, sites, [300_000]), *best_plans(table, sites, [300_000], cells=50_000)]
    losses = [sum(offers[rank] for offers, rank in zip(table, plan, strict=True)) for plan in found if plan is not None]
    assert losses[0] <= losses[1] <= losses[0] * 1.02


def test_what_could_not_be_measured_is_never_chosen() -> None:
    sites = layers(2)
    table = [{0: math.inf, 1: 5.0, 2: math.inf}, {0: 1.0, 4: math.inf}]
    assert best_plans(table, sites, [10**6]) == [RankPlan((1, 0))]


@given(SHAPES, st.lists(st.integers(0, 500), min_size=1, max_size=5), st.data())
def test_several_budgets_at_once_give_what_each_gives_alone(
    shapes: list[tuple[int, int]], budgets: list[int], data: st.DataObject
) -> None:
    sites = modules(shapes)
    table = [data.draw(OFFERS) for _ in sites]
    assert best_plans(table, sites, budgets) == [best_plans(table, sites, [budget])[0] for budget in budgets]
