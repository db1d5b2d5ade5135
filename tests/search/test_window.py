"""Windows over depth find one peak in a number of plans that grows with the logarithm of the depth."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darse.ranks.plan import RankPlan, cost
from darse.search.history import History
from darse.search.window import Span, coarse_spans, find_span, fitted_plan, neighbours, window_plans

from .worlds import World, layers, modules, problem
from .written import a_calibration, asked_of


def search_window(depth: int, peak: float, *, size: int) -> tuple[Span, int, World]:
    world = World(depth, peak=peak, scale=4.0)
    given = problem(layers(depth), strategy="window")
    calibration = a_calibration(given)
    budget = cost(given.uniform(size), given.sites)
    span, asked = asked_of(
        lambda history: find_span(history, calibration, budget), given, lambda spec: world.level(spec.plan)
    )
    assert span is not None
    return span, len(asked), world


@pytest.mark.parametrize("depth", [6, 12, 24, 48])
@pytest.mark.parametrize("peak", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_span_holds_the_peak_and_takes_few_plans(depth: int, peak: float) -> None:
    span, plans, world = search_window(depth, peak, size=2)
    assert span[0] <= round(peak * (depth - 1)) < span[1]
    assert plans <= 12 + 8 * math.log2(depth)
    inside = world.usefulness()[slice(*span)].mean()
    assert inside > 1.5 / depth


def test_plans_grow_slowly_with_depth() -> None:
    counts = {depth: search_window(depth, 0.4, size=2)[1] for depth in (6, 12, 24, 48)}
    assert counts[48] <= counts[6] + 20


@pytest.mark.parametrize("depth", [6, 12, 24])
def test_span_is_close_to_the_best_of_all_spans(depth: int) -> None:
    span, _, world = search_window(depth, 0.4, size=2)
    given = problem(layers(depth))
    budget = cost(given.uniform(2), given.sites)
    levels = {
        (low, high): world.level(plan)
        for low in range(depth)
        for high in range(low + 1, depth + 1)
        if (plan := fitted_plan(given.sites, (low, high), budget, given.max_rank)) is not None
    }
    assert levels[span] <= min(levels.values()) + 0.05


@given(
    st.lists(st.tuples(st.integers(2, 40), st.integers(2, 40)), min_size=1, max_size=9), st.integers(1, 3000), st.data()
)
def test_fitted_plans_keep_the_size_and_the_sites_own_limits(
    shapes: list[tuple[int, int]], size: int, data: st.DataObject
) -> None:
    sites = modules(shapes)
    first = data.draw(st.integers(0, len(sites) - 1))
    last = data.draw(st.integers(first + 1, len(sites)))
    plan = fitted_plan(sites, (first, last), size, 16)
    if plan is None:
        return
    assert cost(plan, sites) <= size
    assert all(rank <= site.max_rank for rank, site in zip(plan, sites, strict=True))
    assert set(plan.active) <= set(range(first, last))


@given(st.integers(1, 100), st.integers(1, 20))
def test_spans_stay_inside_the_model(depth: int, step: int) -> None:
    for span in coarse_spans(depth):
        for low, high in (span, *neighbours(span, depth, step)):
            assert 0 <= low < high <= depth


def test_windows_at_all_sizes_are_distinct_and_affordable() -> None:
    given = problem(layers(12), strategy="window")
    calibration, world = a_calibration(given), World(12)
    sizes = [cost(given.uniform(4), given.sites) >> power for power in range(4)]

    def stage(history: History) -> list[RankPlan]:
        return window_plans(history, calibration, sizes)

    plans, _ = asked_of(stage, given, lambda spec: world.level(spec.plan))
    assert len(set(plans)) == len(plans)
    assert all(any(cost(plan, given.sites) <= size for size in sizes) for plan in plans)


def test_no_window_where_every_trial_fails_is_still_a_plan() -> None:
    given = problem(layers(6), strategy="window")
    calibration = a_calibration(given)
    span, _ = asked_of(lambda history: find_span(history, calibration, 10**6), given, lambda spec: None)
    assert span is not None
