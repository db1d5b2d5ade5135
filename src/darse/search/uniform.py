"""Coarse and fine: how much uniform rank the data can use, first on a geometric grid, then inside its range."""

from __future__ import annotations

import math
from dataclasses import dataclass

from darse.ranks.budget import largest_uniform_rank
from darse.search.calibrate import Calibration
from darse.search.history import History
from darse.search.scoring import holds, search_scores

_FINE_POINTS = 3
"""Ranks tried strictly inside the coarse range, at the most."""
_STEP = 1.5
"""Factor between ranks that real runs are spent on."""


@dataclass(frozen=True, slots=True)
class Coarse:
    """Finding of coarse: the range that holds the rank where quality saturates.

    Attributes:
        low: Lower end, inclusive.
        high: Upper end, inclusive.
        curve: Score by uniform rank.
    """

    low: int
    high: int
    curve: dict[int, float]


@dataclass(frozen=True, slots=True)
class Fine:
    """Finding of fine.

    Attributes:
        rank: The smallest uniform rank that is within the noise floor of the best, as far as the budget allows one.
        curve: Score by uniform rank, those of coarse included.
        is_shown: Whether full runs of this rank have held against higher ones, or scores themselves are full runs. If
            not, no lower rank was shown to be enough, for want of one or of the runs that would tell.
    """

    rank: int
    curve: dict[int, float]
    is_shown: bool = True


def coarse(history: History, calibration: Calibration) -> Coarse:
    """Greedy over a geometric grid: double the rank while a step gains more than the noise floor.

    Source: DARSE (arXiv 2410.16589), coarse-grained greedy search; its step sizes are not public, these are ours.
    With `truncate` the whole grid is read off the calibrated runs, for the curve.
    """
    grid = coarse_grid(history)
    curve = _scores(history, calibration, grid) if history.problem.settings.is_cut else {}
    chosen = 0
    for place, rank in enumerate(grid):
        curve |= _scores(history, calibration, [rank])
        if place and not curve[grid[chosen]] - curve[rank] > calibration.noise_floor:
            break
        chosen = place
    return Coarse(grid[max(chosen - 1, 0)], grid[chosen], curve)


def coarse_grid(history: History) -> list[int]:
    """Uniform ranks of the coarse stage: doubling, or four equal steps as the paper's 128:512:128."""
    settings, top = history.problem.settings, history.problem.max_rank
    if settings.preset == "paper":
        step = max(1, top // 4)
        return list(range(step, top + 1, step))
    doubling = [settings.min_rank << power for power in range(top.bit_length()) if settings.min_rank << power <= top]
    return sorted({*doubling, top})


def fine(history: History, calibration: Calibration, found: Coarse) -> Fine:
    """Ranks inside the range; the smallest within the noise floor of the best is where quality saturates.

    With `truncate` the scores are those of cuts, so the rank's real runs then have to hold against the runs that were
    cut, or the next higher rank is asked.
    """
    inside = range(found.low + 1, found.high)
    step = max(1, math.ceil(len(inside) / _FINE_POINTS))
    curve = found.curve | _scores(history, calibration, list(inside)[::step])
    curve = dict(sorted(curve.items()))
    limit = min(curve.values()) + calibration.noise_floor
    enough = [rank for rank, score in curve.items() if score <= limit and math.isfinite(score)]
    lowest = min(enough, default=found.high)
    if not history.problem.settings.is_cut:
        return Fine(lowest, curve, is_shown=bool(enough))
    return _confirmed(history, calibration, lowest, curve)


def _confirmed(history: History, calibration: Calibration, lowest: int, curve: dict[int, float]) -> Fine:
    """The first rank, from the lowest on by steps of half at the least, that holds against the rank that was cut."""
    problem = history.problem
    affordable = largest_uniform_rank(problem.sites, problem.budget) if problem.budget else calibration.rank
    whole = problem.uniform(calibration.rank)
    next_rank = float(lowest)
    for rank in curve:
        if not next_rank <= rank < calibration.rank:
            continue
        if rank >= affordable:  # above what the budget affords there is nothing to choose
            return Fine(rank, curve, is_shown=False)
        if holds(history, calibration, problem.uniform(rank), whole, seeds=calibration.noise_seeds):
            return Fine(rank, curve)
        next_rank = _STEP * rank
    measured = sum(map(math.isfinite, curve.values()))
    return Fine(calibration.rank, curve, is_shown=lowest >= calibration.rank and measured > 1)


def _scores(history: History, calibration: Calibration, ranks: list[int]) -> dict[int, float]:
    plans = [history.problem.uniform(rank) for rank in ranks]
    scores = search_scores(history, calibration, plans)
    return {rank: scores[plan] for rank, plan in zip(ranks, plans, strict=True)}
