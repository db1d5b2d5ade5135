"""Coarse and fine: how much uniform rank the data can use, first on a geometric grid, then inside its range."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from darse.search.calibrate import Calibration
from darse.search.history import History
from darse.search.scoring import full_spec, search_scores

_FINE_POINTS = 3
"""Ranks tried strictly inside the coarse range, at the most."""


@dataclass(frozen=True, slots=True)
class Coarse:
    """Finding of coarse: the range that holds the rank where quality saturates.

    Attributes:
        low: Lower end, inclusive.
        high: Upper end, inclusive.
        curve: Score by uniform rank.
        real_part: Part of what cuts say the lowest rank loses that full runs of it lose, 0 to 1; 1 where scores are
            full runs, or where there is no such run.
    """

    low: int
    high: int
    curve: dict[int, float]
    real_part: float = 1.0


@dataclass(frozen=True, slots=True)
class Fine:
    """Finding of fine.

    Attributes:
        rank: The smallest uniform rank that is within the noise floor of the best; verify confirms it.
        curve: Score by uniform rank, those of coarse included.
        real_part: Of coarse.
    """

    rank: int
    curve: dict[int, float]
    real_part: float = 1.0


def coarse(history: History, calibration: Calibration) -> Coarse:
    """Greedy over a geometric grid: double the rank while a step gains more than the noise floor.

    Source: DARSE (arXiv 2410.16589), coarse-grained greedy search; its step sizes are not public, these are ours.
    With `truncate` the whole grid is read off the calibrated runs, for the curve. Cuts make low ranks look worse than
    they are: trained at a low rank, an adapter puts into it what a cut loses. So what cuts lose is scaled to what full
    runs of both ends lose.
    """
    grid = coarse_grid(history)
    is_cut = history.problem.settings.is_cut
    curve = _scores(history, calibration, grid) if is_cut else {}
    part = _real_part(history, calibration, curve) if is_cut else 1.0
    chosen = 0
    for place, rank in enumerate(grid):
        curve |= _scores(history, calibration, [rank])
        if place and not part * (curve[grid[chosen]] - curve[rank]) > calibration.noise_floor:
            break
        chosen = place
    return Coarse(grid[max(chosen - 1, 0)], grid[chosen], curve, part)


def coarse_grid(history: History) -> list[int]:
    """Uniform ranks of the coarse stage: doubling, or four equal steps as the paper's 128:512:128."""
    settings, top = history.problem.settings, history.problem.max_rank
    if settings.preset == "paper":
        step = max(1, top // 4)
        return list(range(step, top + 1, step))
    doubling = [settings.min_rank << power for power in range(top.bit_length()) if settings.min_rank << power <= top]
    return sorted({*doubling, top})


def fine(history: History, calibration: Calibration, found: Coarse) -> Fine:
    """Ranks inside the range; the smallest within the noise floor of the best is where quality saturates."""
    inside = range(found.low + 1, found.high)
    step = max(1, math.ceil(len(inside) / _FINE_POINTS))
    curve = found.curve | _scores(history, calibration, list(inside)[::step])
    curve = dict(sorted(curve.items()))
    part = found.real_part
    whole = curve.get(calibration.rank, math.inf)
    real = {rank: whole + part * (score - whole) for rank, score in curve.items()} if math.isfinite(whole) else curve
    limit = min(real.values()) + calibration.noise_floor
    enough = [rank for rank, score in real.items() if score <= limit and math.isfinite(score)]
    return Fine(min(enough, default=found.high), curve, part)


def _real_part(history: History, calibration: Calibration, curve: Mapping[int, float]) -> float:
    problem = history.problem
    lowest, highest = problem.settings.min_rank, calibration.rank
    cut = curve.get(lowest, math.inf) - curve.get(highest, math.inf)
    specs = [full_spec(history, calibration, problem.uniform(rank), 0) for rank in (lowest, highest)]
    low, high = history.scores(specs)
    if not math.isfinite(cut + low - high) or cut <= 0:
        return 1.0
    return min(max(0.0, (low - high) / cut), 1.0)


def _scores(history: History, calibration: Calibration, ranks: list[int]) -> dict[int, float]:
    plans = [history.problem.uniform(rank) for rank in ranks]
    scores = search_scores(history, calibration, plans)
    return {rank: scores[plan] for rank, plan in zip(ranks, plans, strict=True)}
