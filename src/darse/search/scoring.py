"""A plan to the trials that score it: cut from calibrated runs, estimated from gradients, or trained in full."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from darse.ranks.plan import RankPlan
from darse.search.calibrate import Calibration
from darse.search.history import History
from darse.store.trial import TrialSpec

SETTLED = 1.2816
"""Standard deviations off a limit at which no further seed is spent: nine of ten such decisions stay as they are."""


def search_spec(history: History, calibration: Calibration, plan: RankPlan) -> TrialSpec:
    """The trial behind a plan's search score, for the evaluator in the settings.

    `truncate` cuts the mean of the calibrated runs, in which the seeds' errors have averaged out (docs/proxies.md).
    `finetune` trains.
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


def tangent_spec(plan: RankPlan) -> TrialSpec:
    """A plan scored without any training, from the gradients of the frozen model (`darse.train.tangent`)."""
    return TrialSpec(plan, 0, 0.0, 0, "tangent")


def estimates(history: History, calibration: Calibration, plans: Sequence[RankPlan]) -> dict[RankPlan, float]:
    """Scores that compare plans of different shape; all trials that are missing are asked for at once.

    With `truncate` they are `tangent` scores, which rank plans better than cuts and short runs do (docs/proxies.md). A
    cut is biased: leaving a layer out of a run that was trained with it looks worse than training without it. Tangent
    scores know where ranks sit, but hardly how high they are. With `finetune` every plan is trained in full, and that
    is its score. Where no plan has a tangent score (a model that mixes rows), cuts stand in.
    """
    if not history.problem.settings.is_cut:
        return search_scores(history, calibration, plans)
    scores = dict(zip(plans, history.scores([tangent_spec(plan) for plan in plans]), strict=True))
    return scores if any(map(math.isfinite, scores.values())) else search_scores(history, calibration, plans)


def full_scores(history: History, calibration: Calibration, plan: RankPlan, seeds: Iterable[int]) -> list[float]:
    """Scores of full runs of a plan, one per seed."""
    return history.scores([full_spec(history, calibration, plan, seed) for seed in seeds])


def holds(history: History, calibration: Calibration, plan: RankPlan, reference: RankPlan, *, seeds: int) -> bool:
    """Whether a plan's full runs lose no more against a reference than chance would have it, in the mean over n seeds.

    That is one standard error of a difference of two means, sqrt(2 / n) noise floors. Seeds are asked one by one, and
    no more of them than the answer needs (`is_settled`). One seed can refuse a plan; it takes two to accept it, since a
    lucky run is chosen for being lucky.
    """
    noise = calibration.noise_floor
    losses: list[float] = []
    for seed in range(seeds):
        losses += _loss(history, calibration, plan, reference, seed)
        planned = len(losses) + seeds - seed - 1
        limit = _limit(planned, noise)
        does_hold = mean_score(losses) <= limit
        if is_settled(losses, limit, seeds=planned, noise=noise) and (len(losses) > 1 or not does_hold):
            return does_hold
    return bool(losses) and mean_score(losses) <= _limit(len(losses), noise)


def may_hold(history: History, calibration: Calibration, plan: RankPlan, reference: RankPlan, *, seeds: int) -> bool:
    """Whether one seed leaves it open that a plan holds over all seeds."""
    losses, noise = _loss(history, calibration, plan, reference, 0), calibration.noise_floor
    limit = _limit(seeds, noise)
    return bool(losses) and (losses[0] <= limit or not is_settled(losses, limit, seeds=seeds, noise=noise))


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
