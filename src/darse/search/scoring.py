"""A plan to the cheapest trials that score it: cut from calibrated runs, or trained, and for how many seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from darse.ranks.plan import RankPlan
from darse.search.calibrate import Calibration
from darse.search.history import History
from darse.store.trial import TrialSpec

SHORT_PART = 3
"""A short run has a third of a full run's epochs, with a learning rate schedule of its own."""
SETTLED = 1.2816
"""Standard deviations off a limit at which no further seed is spent: nine of ten such decisions stay as they are."""


def search_spec(history: History, calibration: Calibration, plan: RankPlan) -> TrialSpec:
    """The trial behind a plan's search score, for the evaluator in the settings.

    `truncate` cuts the mean of the calibrated runs, which ordered plans as well as anything that costs more where that
    was measured (docs/proxies.md). `finetune` trains.
    """
    if history.problem.settings.is_cut:
        return TrialSpec(plan, 0, 0.0, 0, "truncate", calibration.parents)
    return full_spec(history, calibration, plan, 0)


def full_spec(history: History, calibration: Calibration, plan: RankPlan, seed: int) -> TrialSpec:
    """The plan trained in full with the learning rate of its rank."""
    return TrialSpec(plan, seed, calibration.rate(plan), history.problem.epochs)


def search_scores(history: History, calibration: Calibration, plans: Sequence[RankPlan]) -> dict[RankPlan, float]:
    """Search scores of several plans; all trials that are missing are asked for at once."""
    if history.problem.settings.is_cut and not calibration.parents:
        return dict.fromkeys(plans, math.inf)
    scores = history.scores([search_spec(history, calibration, plan) for plan in plans])
    return dict(zip(plans, scores, strict=True))


def short_scores(history: History, calibration: Calibration, plans: Sequence[RankPlan]) -> dict[RankPlan, float]:
    """Scores of runs of a third of the epochs, or of full ones with `finetune`."""
    epochs = history.problem.epochs
    if history.problem.settings.is_cut:
        epochs = max(1, epochs // SHORT_PART)
    scores = history.scores([replace(full_spec(history, calibration, plan, 0), epochs=epochs) for plan in plans])
    return dict(zip(plans, scores, strict=True))


def full_scores(history: History, calibration: Calibration, plan: RankPlan, seeds: Iterable[int]) -> list[float]:
    """Scores of full runs of a plan, one per seed."""
    return history.scores([full_spec(history, calibration, plan, seed) for seed in seeds])


def holds(history: History, calibration: Calibration, plan: RankPlan, reference: RankPlan, *, seeds: int) -> bool:
    """Whether a plan's full runs lose no more against a reference than chance would have it, in the mean over n seeds.

    That is one standard error of a difference of two means, sqrt(2 / n) noise floors. Seeds are asked one by one, and
    no more of them than the answer needs (`is_settled`). One seed can refuse a plan; it takes two to accept it, since a
    lucky run is chosen for being lucky. Seed 0 comes last: learning rates were chosen by it, for some ranks and not for
    others, so that its runs look better than they are.
    """
    noise = calibration.noise_floor
    losses: list[float] = []
    for place, seed in enumerate((*range(1, seeds), 0)):
        losses += _loss(history, calibration, plan, reference, seed)
        planned = len(losses) + seeds - place - 1
        limit = _limit(planned, noise)
        does_hold = mean_score(losses) <= limit
        if is_settled(losses, limit, seeds=planned, noise=noise) and (len(losses) > 1 or not does_hold):
            return does_hold
    return bool(losses) and mean_score(losses) <= _limit(len(losses), noise)


def _loss(
    history: History, calibration: Calibration, plan: RankPlan, reference: RankPlan, seed: int
) -> tuple[float, ...]:
    """What a plan's run loses against that of a reference; nothing where one of them has no score."""
    # the reference first: if the limits end here, it is the finding
    theirs, ours = history.scores([full_spec(history, calibration, one, seed) for one in (reference, plan)])
    return (ours - theirs,) if math.isfinite(ours + theirs) else ()


def _limit(seeds: int, noise: float) -> float:
    return noise * math.sqrt(2 / max(1, seeds))


def is_settled(losses: Sequence[float], limit: float, *, seeds: int, noise: float) -> bool:
    """Whether more seeds would hardly change on which side of a limit the mean loss ends.

    Stochastic curtailment (Lan, Simon and Halperin 1982): the losses of the seeds to come are taken to be normal around
    the mean so far, whose own uncertainty counts too. A difference of two independent runs has the spread sqrt(2)
    times that of one; where the differences so far scatter more, as those of small plans do, theirs counts.

    Args:
        losses: Differences of the seeds so far.
        limit: What the mean over all seeds is held against.
        seeds: How many seeds there can be.
        noise: Standard deviation of one run's score over seeds, of the plan that was calibrated.
    """
    known = len(losses)
    if known == 0 or known >= seeds:
        return False
    of_one = max(math.sqrt(2) * noise, float(np.std(losses, ddof=1)) if known > 1 else 0.0)
    return abs(mean_score(losses) - limit) > SETTLED * of_one * math.sqrt((seeds - known) / (seeds * known))


def mean_score(scores: Sequence[float]) -> float:
    """Mean of the finite scores; infinity if there is none."""
    finite = [score for score in scores if math.isfinite(score)]
    return sum(finite) / len(finite) if finite else math.inf
