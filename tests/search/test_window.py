"""Cuts find the peak over depth; where it is open whether it is one, two short runs say."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darse.ranks.plan import cost
from darse.search.calibrate import Calibration
from darse.search.history import History, is_run
from darse.search.window import REAL_PARTS, Depth, Span, find_depth, fitted_plan, widths, window_plans
from darse.store.trial import Outcome, Trial, TrialSpec

from .worlds import EPOCHS, World, layers, modules, problem
from .written import a_calibration, asked_of

DEPTHS = [6, 12, 24, 48]


def look(world: World, *, rank: int = 2, noise_floor: float = 0.01) -> tuple[Depth, list[TrialSpec]]:
    """What is found about a world's depth under the cost of a uniform rank, and the trials that took."""
    given = problem(layers(world.depth), strategy="window")
    parent = TrialSpec(given.uniform(16), 0, 1e-3, EPOCHS)
    name = parent.id(given.context)
    calibration = Calibration(1e-3, noise_floor, 3, 16, {1e-3: 1.0}, (name,), 16.0)
    sizes = [cost(given.uniform(rank), given.sites) >> power for power in range(4)]

    def stage(history: History) -> Depth | None:
        trials = {name: Trial(name, parent, Outcome(1.0, {}, "")), **history.trials}
        return find_depth(History(given, trials, history.failed), calibration, sizes)

    found, asked = asked_of(stage, given, lambda spec: world.level(spec.plan))
    assert found is not None
    return found, asked


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("peak", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_the_peak_is_inside_the_chosen_span_and_not_in_the_worst(depth: int, peak: float) -> None:
    found, _ = look(World(depth, peak=peak, scale=4.0))
    place = round(peak * (depth - 1))
    assert not found.is_flat
    assert found.best[0] <= place < found.best[1]
    assert found.chosen[0] <= place < found.chosen[1]
    assert not found.worst[0] <= place < found.worst[1]


@pytest.mark.parametrize("peak", [0.0, 0.4, 1.0])
def test_training_runs_do_not_grow_with_depth_and_cuts_only_with_its_logarithm(peak: float) -> None:
    asked = {depth: look(World(depth, peak=peak, scale=4.0))[1] for depth in DEPTHS}
    assert not any(is_run(spec) for specs in asked.values() for spec in specs), "the peak is clear"
    assert all(len(specs) <= 10 + 4 * math.log2(depth) for depth, specs in asked.items())


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_profile_without_a_peak_is_called_flat_and_the_span_is_everything(depth: int) -> None:
    found, _ = look(World(depth, width=math.inf))
    assert found.is_flat
    assert found.chosen == (0, depth)


@pytest.mark.parametrize("depth", [6, 12, 24])
def test_a_gain_within_the_noise_is_no_peak(depth: int) -> None:
    """Cuts decide where the noise is far from the gain, and two short runs between."""
    world = World(depth, peak=0.4, scale=4.0)
    gain = look(world)[0].gain
    lowest, highest = REAL_PARTS
    for noise, is_flat, runs in (
        (0.9 * lowest, False, 0),
        (1.1 * lowest, False, 2),
        (0.9 * highest, False, 2),
        (1.1 * highest, True, 0),
    ):
        found, asked = look(world, noise_floor=noise * gain / math.sqrt(2))
        assert (found.is_flat, found.is_trained, sum(map(is_run, asked))) == (is_flat, runs > 0, runs)


@pytest.mark.parametrize("depth", [6, 12, 24])
def test_span_is_close_to_the_best_of_all_spans(depth: int) -> None:
    world = World(depth, peak=0.4, scale=4.0)
    found, _ = look(world)
    given = problem(layers(depth))
    budget = cost(given.uniform(2), given.sites) // 2
    levels = {
        (low, high): world.level(plan)
        for low in range(depth)
        for high in range(low + 1, depth + 1)
        if (plan := fitted_plan(given.sites, (low, high), budget, given.max_rank)) is not None
    }
    assert levels[found.chosen] <= min(levels.values()) + 0.05


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
        assert max(site.unit_cost for site in sites[first:last]) > size
        return
    assert cost(plan, sites) <= size
    assert all(rank <= site.max_rank for rank, site in zip(plan, sites, strict=True))
    assert set(plan.active) <= set(range(first, last))


@given(st.integers(1, 100), st.integers(1, 10**7))
def test_widths_fall_and_rank_one_fits_the_size(depth: int, size: int) -> None:
    sites = layers(depth)
    found = widths(sites, size)
    assert found == sorted(set(found), reverse=True)
    assert all(1 <= width <= depth for width in found)
    assert all(width * sites[0].unit_cost <= size for width in found if width > 1)


@given(st.integers(1, 30), st.data())
def test_windows_at_all_sizes_are_distinct_and_affordable(depth: int, data: st.DataObject) -> None:
    given = problem(layers(depth), strategy="window")
    first = data.draw(st.integers(0, depth - 1))
    chosen: Span = (first, data.draw(st.integers(first + 1, depth)))
    sizes = [cost(given.uniform(4), given.sites) >> power for power in range(4)]
    plans = window_plans(History(given, {}), Depth(chosen, chosen, 1.0, False, chosen), sizes)
    assert len(set(plans)) == len(plans)
    for size in sizes:
        affords_one = size >= given.sites[0].unit_cost
        assert any(size // 2 < cost(plan, given.sites) <= size or plan.ranks.count(16) for plan in plans) == affords_one
    assert all(set(plan.active) <= set(range(*chosen)) for plan in plans)


@pytest.mark.parametrize("evaluator", ["truncate", "finetune"])
def test_where_every_trial_fails_nothing_is_said_of_depth(evaluator: str) -> None:
    given = problem(layers(6), strategy="window", evaluator=evaluator)
    found, _ = asked_of(lambda history: find_depth(history, a_calibration(given), [10**6]), given, lambda spec: None)
    assert found is None


def test_no_span_fits_a_size_below_every_site() -> None:
    given = problem(modules([(30, 30)] * 3), strategy="window")
    found, _ = asked_of(lambda history: find_depth(history, a_calibration(given), [59]), given, lambda spec: 1.0)
    assert found is None
