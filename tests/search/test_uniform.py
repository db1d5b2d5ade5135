"""Coarse and fine on curves that rise, stay flat and over-fit."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darse.search.history import History
from darse.search.uniform import Coarse, Fine, coarse, coarse_grid, fine
from darse.store.trial import TrialSpec

from .worlds import layers, problem
from .written import a_calibration, asked_of

Curve = Callable[[int], float]

RISING: Curve = lambda rank: -math.log(rank)  # noqa: E731 - a curve by its name
SATURATING: Curve = lambda rank: math.exp(-rank / 2)  # noqa: E731 - the same
FLAT: Curve = lambda rank: 1.0  # noqa: E731 - the same
OVERFITTING: Curve = lambda rank: (math.log2(rank) - 2) ** 2  # noqa: E731 - the same


def found_for(curve: Curve, *, noise_floor: float = 0.01, **settings: object) -> tuple[Coarse, Fine, list[int]]:
    given = problem(layers(4, width=64), evaluator="finetune", **settings)
    calibration = a_calibration(given, noise_floor=noise_floor)

    def stages(history: History) -> tuple[Coarse, Fine]:
        range_ = coarse(history, calibration)
        return range_, fine(history, calibration, range_)

    (range_, saturation), asked = asked_of(stages, given, lambda spec: curve(spec.plan[0]))
    return range_, saturation, [spec.plan[0] for spec in asked]


def test_rising_curve_is_followed_to_the_highest_rank() -> None:
    range_, saturation, _ = found_for(RISING)
    assert (range_.low, range_.high) == (8, 16)
    assert saturation.rank == 16


def test_flat_curve_ends_at_the_lowest_rank_after_two_trials() -> None:
    range_, saturation, asked = found_for(FLAT)
    assert (range_.low, range_.high, saturation.rank) == (1, 1, 1)
    assert asked == [1, 2]


def test_overfitting_curve_stops_one_step_past_its_minimum() -> None:
    range_, saturation, asked = found_for(OVERFITTING)
    assert (range_.low, range_.high) == (2, 4)
    assert max(asked) == 8
    assert saturation.rank == 4


def test_saturating_curve_gives_the_smallest_rank_within_the_noise_of_the_best() -> None:
    _, saturation, _ = found_for(SATURATING, noise_floor=0.05)
    best = min(saturation.curve.values())
    within = [rank for rank, score in saturation.curve.items() if score <= best + 0.05]
    assert saturation.rank == min(within)


def test_fine_looks_strictly_inside_the_range_at_three_ranks_at_the_most() -> None:
    range_, _, asked = found_for(RISING)
    inside = [rank for rank in asked if range_.low < rank < range_.high]
    assert len(inside) == 3


def test_failed_ranks_end_the_climb_and_never_win() -> None:
    given = problem(layers(4), evaluator="finetune")
    calibration = a_calibration(given)

    def stages(history: History) -> Fine:
        return fine(history, calibration, coarse(history, calibration))

    def scores(spec: TrialSpec) -> float | None:
        return None if spec.plan[0] >= 4 else RISING(spec.plan[0])

    found, _ = asked_of(stages, given, scores)
    assert found.rank == 2
    nothing, _ = asked_of(stages, given, lambda spec: None)
    assert nothing.rank == 1


def test_paper_preset_walks_multiples_of_a_quarter_of_the_highest_rank() -> None:
    given = problem(layers(4, width=512), preset="paper", max_rank=512, evaluator="finetune")
    assert coarse_grid(History(given, {})) == [128, 256, 384, 512]


@given(st.integers(1, 40), st.integers(0, 60), st.sampled_from([8, 12, 64]))
def test_grid_rises_from_the_lowest_rank_to_the_highest(lowest: int, more: int, width: int) -> None:
    given = problem(layers(3, width=width), min_rank=lowest, max_rank=lowest + more)
    grid = coarse_grid(History(given, {}))
    assert grid == sorted(set(grid))
    assert grid[-1] == given.max_rank
    assert grid[0] == min(lowest, given.max_rank)


@pytest.mark.parametrize("noise_floor", [0.0, 0.1, 10.0])
def test_no_step_is_taken_for_a_gain_below_the_noise_floor(noise_floor: float) -> None:
    range_, _, _ = found_for(RISING, noise_floor=noise_floor)
    assert range_.high == (16 if noise_floor < math.log(2) else 1)


CUTS = {1: 2.0, 2: 1.4, 4: 1.1, 8: 1.02, 16: 1.0}
"""Scores of cuts by rank."""


def found_by_cuts(cuts: dict[int, float], low: float | None, *, noise_floor: float = 0.1) -> tuple[Coarse, Fine]:
    """What is found where a full run of the lowest rank has a score, or fails, and one of the highest has 1."""
    given = problem(layers(4), evaluator="truncate")
    calibration = replace(a_calibration(given, noise_floor=noise_floor), parents=("p",))

    def scores(spec: TrialSpec) -> float | None:
        rank = spec.plan[0]
        if spec.evaluator == "truncate":
            return cuts[rank] if rank in cuts else cuts[1 << rank.bit_length() - 1]
        assert rank in (1, 16), "only both ends are trained"
        return low if rank == 1 else 1.0

    def stages(history: History) -> tuple[Coarse, Fine]:
        range_ = coarse(history, calibration)
        return range_, fine(history, calibration, range_)

    return asked_of(stages, given, scores)[0]


@pytest.mark.parametrize(("low", "part", "rank"), [(1.0, 0.0, 1), (1.2, 0.2, 2), (2.0, 1.0, 4), (3.0, 1.0, 4)])
def test_what_cuts_lose_is_scaled_to_what_full_runs_of_the_lowest_rank_lose(low: float, part: float, rank: int) -> None:
    range_, found = found_by_cuts(CUTS, low)
    assert found.real_part == range_.real_part == pytest.approx(part)
    assert found.rank == rank


@pytest.mark.parametrize(("low", "high"), [(1.0, 1), (1.2, 2), (2.0, 4)])
def test_the_range_rises_only_while_the_real_part_of_what_cuts_gain_is_above_the_noise(low: float, high: int) -> None:
    range_, _ = found_by_cuts(CUTS, low)
    assert range_.high == high


def test_a_loss_of_cuts_that_is_nothing_is_never_blown_up() -> None:
    level = {1: 0.5000, 2: 0.4990, 4: 0.4985, 8: 0.4985, 16: 0.4999}
    _, found = found_by_cuts(level, 1.01, noise_floor=0.02)
    assert (found.rank, found.real_part) == (1, 1.0)


def test_without_a_full_run_of_the_lowest_rank_cuts_are_taken_as_they_are() -> None:
    _, found = found_by_cuts({1: 2.0, 2: 1.05, 4: 1.0, 8: 1.0, 16: 1.0}, None)
    assert (found.rank, found.real_part) == (2, 1.0)
