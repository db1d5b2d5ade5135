"""First stage: which learning rate, and how much the seed alone moves the score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from darse.ranks.plan import RankPlan
from darse.search.history import History, Problem
from darse.settings import SearchSettings
from darse.store.trial import TrialSpec

NOISE_SEEDS = 3
"""Seeds behind the noise floor at the most; their runs also serve as parents of the cut plans."""
UNKNOWN_NOISE = 0.04
"""Part of the score that counts as noise before any seed is measured: what the seed moved it by on real sets."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Finding of calibrate.

    Attributes:
        learning_rate: The best of those tried, at the calibrated rank.
        noise_floor: What the seed alone moves the score by, at that learning rate (`noise_of`); no smaller gain is
            chased.
        noise_seeds: Seeds behind it; with 1 it is not measured but assumed, `UNKNOWN_NOISE` of the score.
        rank: Uniform rank it was found at.
        tried: Score by learning rate; infinity where a run failed or was not made.
        parents: Ids of the runs at the best learning rate, one per seed; cut plans descend from them.
        mean_rank: Mean rank of the calibrated plan, below `rank` where narrow sites cannot carry it.
        rate_exponent: How fast the best learning rate grows as the rank falls (`rate`).
        tried_low: Score by learning rate at the lowest rank; empty where it was not looked at.
    """

    learning_rate: float
    noise_floor: float
    noise_seeds: int
    rank: int
    tried: dict[float, float]
    parents: tuple[str, ...]
    mean_rank: float
    rate_exponent: float = 0.0
    tried_low: dict[float, float] = field(default_factory=dict)

    def rate(self, plan: RankPlan) -> float:
        """The learning rate of a plan: that of a uniform plan of its mean rank (geometric, over sites that have one).

        Under Adam the best learning rate falls with the rank, by which law depends on scaling, initialisation and the
        length of training (arXiv 2602.06204). So it is measured at both ends of the ranks, and between them it goes
        with a power of the rank. With one rate for all a sweep compares how far ranks have learned.

        >>> calibration = Calibration(1e-3, 0.0, 3, 16, {}, (), mean_rank=16.0, rate_exponent=0.5)
        >>> calibration.rate(RankPlan((16, 16))), calibration.rate(RankPlan((0, 4))), calibration.rate(RankPlan((1, 1)))
        (0.001, 0.002, 0.004)
        """
        mean = _mean_rank(plan)
        if not self.rate_exponent or not mean or mean == self.mean_rank:
            return self.learning_rate
        return float(f"{self.learning_rate * (self.mean_rank / mean) ** self.rate_exponent:.3g}")


def calibrate(history: History) -> Calibration:
    """Walk the grid of learning rates from its middle, repeat the best with other seeds, then walk at the lowest."""
    problem = history.problem
    grid = sorted(problem.settings.learning_rates)
    rank = _rank(problem.settings, problem.max_rank)
    tried = _walk(history, rank, grid, max(len(grid) // 2 - 1, 0))
    best = min(tried, key=lambda rate: tried[rate])
    seeds = min(problem.settings.seeds, NOISE_SEEDS)
    runs = [trial for trial in history.need([_spec(problem, rank, best, seed) for seed in range(seeds)]) if trial]
    # an own evaluator's loss may have its zero anywhere, so no part of it is known to be noise
    noise = noise_of([run.outcome.score for run in runs], is_moderated=problem.has_head)
    lowest = problem.settings.min_rank
    has_low_walk = is_rate_of_rank(problem.settings, problem.max_rank)
    tried_low = _climb(history, lowest, grid[grid.index(best) :]) if has_low_walk else {}
    mean_rank = _mean_rank(problem.uniform(rank))
    exponent = _exponent(best, tried_low, mean_rank / _mean_rank(problem.uniform(lowest)))
    parents = tuple(run.id for run in runs)
    return Calibration(best, noise, len(runs), rank, tried, parents, mean_rank, exponent, tried_low)


def is_rate_of_rank(settings: SearchSettings, max_rank: int) -> bool:
    """Whether there is anything to find out about the learning rates of other ranks; the published method has one.

    >>> is_rate_of_rank(SearchSettings(), 16), is_rate_of_rank(SearchSettings(), 1)
    (True, False)
    """
    is_one_rate = len(settings.learning_rates) == 1 or settings.preset == "paper"
    return not is_one_rate and settings.min_rank < _rank(settings, max_rank)


def noise_of(scores: Sequence[float], *, is_moderated: bool = True) -> float:
    """Standard deviation of the scores of some seeds, moderated by `UNKNOWN_NOISE` (Smyth 2004) unless told otherwise.

    Two or three seeds can lie close to one another by chance, and a floor near zero lets every stage chase chance. So
    what is known of other sets counts as much as one more seed: s^2 = (s_0^2 + (n - 1) s_n^2) / n. Of one seed nothing
    else is known.

    >>> [f"{noise_of(scores):.4f}" for scores in ([], [1.0], [1.0, 1.0], [0.9, 1.1], [0.9, 1.0, 1.1])]
    ['0.0000', '0.0400', '0.0283', '0.1039', '0.0849']
    """
    if not scores:
        return 0.0
    if len(scores) > 1 and not is_moderated:
        return float(np.std(scores, ddof=1))
    assumed = UNKNOWN_NOISE * float(np.mean(scores))
    return math.sqrt((assumed**2 + float(np.square(np.subtract(scores, np.mean(scores))).sum())) / len(scores))


def _exponent(best: float, tried_low: dict[float, float], times: float) -> float:
    """From the best rates of the calibrated rank and of the lowest, the first of them so many times the second."""
    finite = [rate for rate, score in tried_low.items() if math.isfinite(score)]
    if not finite or times <= 1:
        return 0.0
    return math.log(min(finite, key=lambda rate: tried_low[rate]) / best) / math.log(times)


def _mean_rank(plan: RankPlan) -> float:
    """Geometric, over sites that have a rank; 0 where none has."""
    active = [rank for rank in plan if rank]
    return math.exp(sum(map(math.log, active)) / len(active)) if active else 0.0


def _walk(history: History, rank: int, grid: Sequence[float], left: int) -> dict[float, float]:
    """Scores of the learning rates visited: one and the next higher, then on to the better side until it is worse."""
    problem = history.problem
    right = min(left + 1, len(grid) - 1)
    pair = list(dict.fromkeys([grid[left], grid[right]]))
    tried = dict(zip(pair, history.scores([_spec(problem, rank, rate, 0) for rate in pair]), strict=True))
    # of equals the lower one: where both have failed, a still higher one would fail too
    way = grid[left::-1] if tried[grid[left]] <= tried[grid[right]] else grid[right:]
    return tried | _climb(history, rank, way)


def _climb(history: History, rank: int, rates: Sequence[float]) -> dict[float, float]:
    """Scores of learning rates, one after the other until one is no better than that before it."""
    tried: dict[float, float] = {}
    for rate in rates:
        best = min(tried.values(), default=math.inf)
        tried[rate] = history.score(_spec(history.problem, rank, rate, 0))
        if len(tried) > 1 and not tried[rate] < best:
            break
    return tried


def _spec(problem: Problem, rank: int, learning_rate: float, seed: int) -> TrialSpec:
    return TrialSpec(problem.uniform(rank), seed, learning_rate, problem.epochs)


def _rank(settings: SearchSettings, max_rank: int) -> int:
    # the run at the best learning rate is the one that is cut to every other plan, so it has the highest rank
    if settings.is_cut:
        return max_rank
    return max(settings.min_rank, round(math.sqrt(settings.min_rank * max_rank)))
