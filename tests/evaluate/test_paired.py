"""Intervals hold the truth as often as they say, also with few seeds."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student_t

from darse.evaluate.paired import loss_level, mean_intervals, paired_effect

from .planted import Gap, accuracy_truth, accuracy_world, mse_truth, mse_world

TIMES = 120


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("metric", ["mse", "accuracy"])
def test_interval_holds_the_planted_difference_at_the_measured_spread_of_seeds(metric: str, seeds: int) -> None:
    is_mse = metric == "mse"
    gap = Gap(seeds, 100, spread=0.04 if is_mse else 0.008, gain=0.1 if is_mse else 0.02)
    world, truth = (mse_world, mse_truth) if is_mse else (accuracy_world, accuracy_truth)
    stream = np.random.default_rng(3)
    held = 0
    for time in range(TIMES):
        plan, control = world(gap, stream)
        found = paired_effect(plan, control, seed=time, resamples=400)
        held += found.low <= truth(gap) <= found.high
    # 0.88 of 120 is what a true coverage of 0.95 falls below once in a thousand tests
    assert held / TIMES >= 0.88


@pytest.mark.parametrize("rows", [5, 36])
@pytest.mark.parametrize("seeds", [1, 2, 3])
def test_plans_that_agree_on_nearly_all_rows_of_a_small_file_are_not_shown_to_be_equal(rows: int, seeds: int) -> None:
    gap = Gap(seeds, rows, gain=0.02, rate=0.07, alike=0.97)
    stream = np.random.default_rng(4)
    held = 0
    for time in range(TIMES):
        plan, control = accuracy_world(gap, stream)
        found = paired_effect(plan, control, seed=time, resamples=400)
        assert -1 <= found.low < found.high <= 1
        held += found.low <= gap.gain <= found.high
    # with one seed and 36 rows the t interval of the rows alone holds it 73 times of 120
    assert held / TIMES >= 0.88


@given(st.integers(1, 4), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_interval_of_an_error_rate_stays_within_0_and_1_and_is_no_point(seeds: int, rows: int, number: int) -> None:
    errors = (np.random.default_rng(number).random((seeds, rows)) < 0.3).astype(float)
    found = loss_level(errors, seed=0)
    assert 0 <= found.low <= found.mean <= found.high <= 1
    assert found.high - found.low > 0.1


def test_few_seeds_that_differ_much_make_the_interval_wide() -> None:
    stream = np.random.default_rng(5)
    held = 0
    for time in range(TIMES):
        plan, control = mse_world(Gap(3, 100, spread=0.5), stream)
        found = paired_effect(plan, control, seed=time, resamples=400)
        held += found.low <= 0 <= found.high
    assert held / TIMES >= 0.86


def test_width_is_that_of_the_t_interval_on_crossed_mean_squares() -> None:
    plan, control = mse_world(Gap(3, 50, spread=0.1), np.random.default_rng(1))
    difference = control - plan
    seeds, rows = difference.shape
    mean = difference.mean()
    a = rows * difference.mean(axis=1).var(ddof=1)
    b = seeds * difference.mean(axis=0).var(ddof=1)
    rest = difference - difference.mean(axis=1, keepdims=True) - difference.mean(axis=0, keepdims=True) + mean
    e = (rest**2).sum() / ((seeds - 1) * (rows - 1))
    v = a + b - min(a, b, e)
    freedom = v**2 / (a**2 / (seeds - 1) + b**2 / (rows - 1))
    width = 2 * student_t.ppf(0.975, freedom) * math.sqrt(v / (seeds * rows))
    found = paired_effect(plan, control, seed=0)
    assert found.mean == pytest.approx(mean)
    assert found.high - found.low == pytest.approx(width)


@given(st.integers(1, 5), st.integers(1, 8), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1e-200, 1e-3, 1.0, 1e6]))
def test_interval_is_finite_and_holds_the_mean(seeds: int, rows: int, number: int, scale: float) -> None:
    plan, control = np.random.default_rng(number).normal(size=(2, seeds, rows)) * scale
    found = paired_effect(plan, control, seed=0, resamples=50)
    assert all(map(math.isfinite, (found.mean, found.low, found.high)))
    assert found.low <= found.mean <= found.high


def test_swapping_the_sides_mirrors_the_interval() -> None:
    plan, control = mse_world(Gap(3, 60, spread=0.1, gain=0.1), np.random.default_rng(2))
    there, back = paired_effect(plan, control, seed=4), paired_effect(control, plan, seed=4)
    assert (there.mean, there.low, there.high) == pytest.approx((-back.mean, -back.high, -back.low))


def test_same_seed_gives_the_same_interval_and_equal_losses_a_point() -> None:
    plan, control = mse_world(Gap(3, 60), np.random.default_rng(2))
    assert paired_effect(plan, control, seed=4) == paired_effect(plan, control, seed=4)
    same = paired_effect(plan, plan, seed=4)
    assert (same.mean, same.low, same.high) == (0.0, 0.0, 0.0)


def test_what_all_seeds_and_plans_share_does_not_widen_the_interval() -> None:
    plan, control = mse_world(Gap(3, 60, gain=0.1), np.random.default_rng(2))
    hard = np.random.default_rng(3).normal(size=(1, 60)) * 100
    near, far = paired_effect(plan, control, seed=0), paired_effect(plan + hard, control + hard, seed=0)
    assert (near.low, near.high) == pytest.approx((far.low, far.high), abs=1e-9)


@pytest.mark.parametrize("rows", [60, 300])
def test_mean_interval_holds_the_mean(rows: int) -> None:
    stream = np.random.default_rng(9)
    times = 300
    held = 0
    for time in range(times):
        ((low, high),) = mean_intervals(stream.normal(size=(1, rows)) ** 2, seed=time, resamples=400)
        held += low <= 1.0 <= high
    assert 0.88 <= held / times <= 0.99


def test_many_intervals_at_once_equal_one_at_a_time() -> None:
    losses = np.random.default_rng(0).normal(size=(4, 30))
    together = mean_intervals(losses, seed=1)
    assert together == [pytest.approx(mean_intervals(one[None, :], seed=1)[0]) for one in losses]


def test_a_large_data_set_is_drawn_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    plan, control = mse_world(replace(Gap(3, 40), gain=0.1), np.random.default_rng(2))
    whole = paired_effect(plan, control, seed=4, resamples=200)
    monkeypatch.setattr("darse.evaluate.paired._CELLS", 100)
    parts = paired_effect(plan, control, seed=4, resamples=200)
    assert (parts.low, parts.high) == pytest.approx((whole.low, whole.high), rel=1e-9)
