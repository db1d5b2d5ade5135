"""First stage: which learning rate, and how much the seed alone moves the score."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from darse.search.history import History, Problem
from darse.store.trial import TrialSpec

NOISE_SEEDS = 3
"""Seeds behind the noise floor at the most; their runs also serve as parents of the cut plans."""
UNKNOWN_NOISE = 0.04
"""Part of the score that counts as noise where limits leave one seed: what the seed moved it by on real sets."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Finding of calibrate.

    Attributes:
        learning_rate: The best of those tried.
        noise_floor: Standard deviation of the score over seeds at that learning rate; no smaller gain is chased.
        noise_seeds: Seeds behind it; with 1 it is not measured but assumed, `UNKNOWN_NOISE` of the score.
        rank: Uniform rank it was found at.
        tried: Score by learning rate; infinity where a run failed or was not made.
        parents: Ids of the runs at the best learning rate, one per seed; cut plans descend from them.
    """

    learning_rate: float
    noise_floor: float
    noise_seeds: int
    rank: int
    tried: dict[float, float]
    parents: tuple[str, ...]


def calibrate(history: History) -> Calibration:
    """Walk the grid of learning rates from its middle, then repeat the best with other seeds."""
    problem = history.problem
    tried = _walk(history)
    best = min(tried, key=lambda rate: tried[rate])
    seeds = min(problem.settings.seeds, NOISE_SEEDS)
    runs = [trial for trial in history.need([_spec(problem, best, seed) for seed in range(seeds)]) if trial]
    scores = [run.outcome.score for run in runs]
    noise = float(np.std(scores, ddof=1)) if len(scores) > 1 else UNKNOWN_NOISE * abs(min(scores, default=0.0))
    return Calibration(best, noise, len(runs), _rank(problem), tried, tuple(run.id for run in runs))


def _walk(history: History) -> dict[float, float]:
    """Scores of the learning rates visited: two in the middle, then on towards the better side until it is worse."""
    grid = sorted(history.problem.settings.learning_rates)
    right = len(grid) // 2
    left = max(right - 1, 0)
    pair = [grid[left], grid[right]] if left != right else [grid[right]]
    tried = dict(zip(pair, history.scores([_spec(history.problem, rate, 0) for rate in pair]), strict=True))
    # of equals the lower one: where both have failed, a still higher one would fail too
    place, step = (left, -1) if tried[grid[left]] <= tried[grid[right]] else (right, 1)
    while 0 <= place + step < len(grid):
        rate = grid[place + step]
        tried[rate] = history.score(_spec(history.problem, rate, 0))
        if not tried[rate] < tried[grid[place]]:
            break
        place += step
    return tried


def _spec(problem: Problem, learning_rate: float, seed: int) -> TrialSpec:
    return TrialSpec(problem.uniform(_rank(problem)), seed, learning_rate, problem.epochs)


def _rank(problem: Problem) -> int:
    # the run at the best learning rate is the one that is cut to every other plan, so it has the highest rank
    if problem.settings.is_cut:
        return problem.max_rank
    lowest = problem.settings.min_rank
    return max(lowest, round(math.sqrt(lowest * problem.max_rank)))
