"""Plans and their cost (I5)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darse.errors import PlanError
from darse.ranks.plan import RankPlan, Site, Weight, cost, is_uniform, ranks_by_weight

WIDTHS = st.integers(1, 50)


@st.composite
def planned(draw: st.DrawFn) -> tuple[tuple[Site, ...], RankPlan]:
    """Sites of several weights, and a plan that fits them."""
    sites = tuple(
        Site(
            f"layer {place}",
            tuple(
                Weight(f"layers.{place}.w{number}", draw(WIDTHS), draw(WIDTHS), place)
                for number in range(draw(st.integers(1, 4)))
            ),
        )
        for place in range(draw(st.integers(1, 6)))
    )
    return sites, RankPlan.of(draw(st.integers(0, site.max_rank)) for site in sites)


@given(planned())
def test_cost_is_the_sum_over_all_weights_of_rank_times_both_widths(given: tuple[tuple[Site, ...], RankPlan]) -> None:
    sites, plan = given
    by_weight = ranks_by_weight(plan, sites)
    weights = {weight.name: weight for site in sites for weight in site.weights}
    assert cost(plan, sites) == sum(
        rank * (weights[name].d_in + weights[name].d_out) for name, rank in by_weight.items()
    )


@given(planned())
def test_rank_zero_leaves_every_weight_of_a_site_out(given: tuple[tuple[Site, ...], RankPlan]) -> None:
    sites, plan = given
    by_weight = ranks_by_weight(plan, sites)
    for rank, site in zip(plan, sites, strict=True):
        assert [by_weight.get(weight.name, 0) for weight in site.weights] == [rank] * len(site.weights)
    nothing = RankPlan.uniform(sites, 0)
    assert (cost(nothing, sites), nothing.active, ranks_by_weight(nothing, sites)) == (0, (), {})


@given(planned(), st.integers(0, 60))
def test_uniform_is_cut_where_a_site_cannot_carry_it(given: tuple[tuple[Site, ...], RankPlan], rank: int) -> None:
    sites, _ = given
    plan = RankPlan.uniform(sites, rank)
    assert all(one == rank or one == site.max_rank < rank for one, site in zip(plan, sites, strict=True))


@given(planned(), st.data())
def test_replace_changes_one_site_alone(given: tuple[tuple[Site, ...], RankPlan], data: st.DataObject) -> None:
    sites, plan = given
    place = data.draw(st.integers(0, len(plan) - 1))
    other = plan.replace(place, 7)
    assert other[place] == 7
    assert len(other) == len(plan)
    assert cost(other, sites) - cost(plan, sites) == (7 - plan[place]) * sites[place].unit_cost
    assert [one for at, one in enumerate(other) if at != place] == [one for at, one in enumerate(plan) if at != place]


def test_negative_ranks_are_refused() -> None:
    with pytest.raises(PlanError, match="0 or more, not -2"):
        RankPlan((1, -2))


def test_plans_are_values_that_say_their_ranks() -> None:
    plan = RankPlan((0, 4, 4, 0))
    assert plan == RankPlan.of([0, 4, 4, 0])
    assert len({plan, RankPlan((0, 4, 4, 0))}) == 1
    assert str(plan) == "0 4 4 0"
    assert plan.active == (1, 2)


@given(planned(), st.integers(0, 60))
def test_a_uniform_plan_is_one_also_where_narrow_sites_cut_it(
    given: tuple[tuple[Site, ...], RankPlan], rank: int
) -> None:
    sites, plan = given
    assert is_uniform(RankPlan.uniform(sites, rank), sites)
    assert is_uniform(plan, sites) == (plan in {RankPlan.uniform(sites, one) for one in range(51)})


def test_a_site_is_as_narrow_as_its_narrowest_weight() -> None:
    site = Site("layers 1-2", (Weight("a", 8, 32, 2), Weight("b", 4, 16, 1)))
    assert (site.unit_cost, site.max_rank) == (60, 4)
