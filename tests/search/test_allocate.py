"""What allocate puts forward: affordable sizes, at least one plan, and finalists that were scored."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from darse.ranks.plan import RankPlan, cost
from darse.search.allocate import Candidate, allocate, cheapest_plan, finalists, knapsack_plans, ladder
from darse.search.history import History
from darse.search.uniform import Fine
from darse.search.verify import best_uniform

from .worlds import layers, modules, problem
from .written import a_calibration, asked_of

SHAPES = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=6)


@given(SHAPES, st.data())
def test_sizes_fall_from_the_budget_and_each_affords_a_site(shapes: list[tuple[int, int]], data: st.DataObject) -> None:
    sites = modules(shapes)
    cheapest = min(site.unit_cost for site in sites)
    budget = data.draw(st.integers(cheapest, 10_000))
    for objective in ("smallest", "best"):
        sizes = ladder(History(problem(sites, objective=objective), {}), budget)
        assert sizes[0] == budget
        assert sizes == sorted(set(sizes), reverse=True)
        assert sizes[-1] >= cheapest
    assert cost(cheapest_plan(sites), sites) == cheapest


@given(SHAPES, st.integers(1, 16), st.data())
def test_reference_is_the_best_uniform_plan_that_the_budget_allows(
    shapes: list[tuple[int, int]], rank: int, data: st.DataObject
) -> None:
    sites = modules(shapes)
    budget = data.draw(st.integers(min(site.unit_cost for site in sites), 10_000))
    given = problem(sites, budget=budget, evaluator="finetune")
    reference = best_uniform(History(given, {}), a_calibration(given), Fine(rank, {rank: 1.0}))
    if cost(given.uniform(1), sites) <= budget:
        assert cost(reference, sites) <= budget
    else:
        assert reference == given.uniform(1)
    if cost(given.uniform(rank), sites) <= budget:
        assert reference == given.uniform(rank)


def a_candidate(plan: RankPlan, score: float) -> Candidate:
    return Candidate(plan, cost(plan, layers(2)), score, "window")


def test_every_size_has_the_best_of_its_own_as_finalist_dearest_first() -> None:
    big, worse, middle, small = (
        a_candidate(RankPlan(ranks), score)
        for ranks, score in (((4, 4), 0.3), ((4, 3), 0.4), ((2, 2), 0.1), ((1, 0), 0.5))
    )
    sizes = [big.cost, middle.cost, small.cost]
    assert finalists([small, worse, middle, big], sizes) == (big, middle, small)
    assert finalists([small, big], sizes) == (big, small)


def test_a_candidate_without_a_score_is_no_finalist_beside_one_that_has_one() -> None:
    unknown, known = a_candidate(RankPlan((1, 0)), math.inf), a_candidate(RankPlan((4, 4)), 0.3)
    assert finalists([unknown, known], [known.cost, unknown.cost]) == (known,)
    assert finalists([unknown], [known.cost]) == (unknown,)


def test_a_table_in_which_nothing_fits_proposes_nothing() -> None:
    sites = layers(2)
    table = [{4: 0.0, 0: math.inf}, {4: 0.0, 0: math.inf}]
    assert knapsack_plans(table, sites, [sites[0].unit_cost]) == []
    assert knapsack_plans(table, sites, [8 * sites[0].unit_cost]) == [RankPlan((4, 4))]


def test_a_budget_for_the_cheapest_site_alone_still_gives_a_candidate() -> None:
    sites = modules([(30, 30), (2, 3), (30, 30)])
    given = problem(sites, budget=5, strategy="window", evaluator="finetune")
    found, _ = asked_of(lambda history: allocate(history, a_calibration(given), Fine(2, {})), given, lambda spec: 1.0)
    assert [one.plan for one in found.candidates] == [RankPlan((0, 1, 0))]
    assert found.finalists
