"""A plan to the cheapest trials that score it: cut from calibrated runs, trained for a short while, or in full."""

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
CUT_PARENTS = 2
"""Calibrated runs that every cut plan is read from, at the most; their mean is its score. Studies of two seeds are
hurried ones and read from one run."""
SETTLED = 1.2816
"""Standard deviations off a limit at which no further seed is spent: nine of ten such decisions stay as they are."""


def search_specs(history: History, calibration: Calibration, plan: RankPlan) -> list[TrialSpec]:
    """The trials behind a plan's search score, for the evaluator in the settings.

    `truncate` cuts the first calibrated runs, so that the score is a mean over their seeds; `finetune` trains once.
    """
    if history.problem.settings.is_cut:
        parents = min(CUT_PARENTS, history.problem.settings.seeds - 1)
        return [cut_spec(history, plan, parent) for parent in calibration.parents[:parents]]
    return [full_spec(history, calibration, plan, 0)]


def cut_spec(history: History, plan: RankPlan, parent: str) -> TrialSpec:
    """The plan cut from one finished run."""
    return TrialSpec(plan, history.trials[parent].spec.seed, 0.0, 0, "truncate", (parent,))


def full_spec(history: History, calibration: Calibration, plan: RankPlan, seed: int) -> TrialSpec:
    """The plan trained in full with the calibrated learning rate."""
    return TrialSpec(plan, seed, calibration.learning_rate, history.problem.epochs)


def search_scores(history: History, calibration: Calibration, plans: Sequence[RankPlan]) -> dict[RankPlan, float]:
    """Search scores of several plans; all trials that are missing are asked for at once."""
    specs = {plan: search_specs(history, calibration, plan) for plan in plans}
    history.need(spec for one in specs.values() for spec in one)
    return {plan: history.mean_score(one) for plan, one in specs.items()}


def short_spec(history: History, calibration: Calibration, plan: RankPlan) -> TrialSpec:
    """The cheapest training that compares plans of different shape: a short run, or a full one with `finetune`."""
    full = full_spec(history, calibration, plan, 0)
    if not history.problem.settings.is_cut:
        return full
    return replace(full, epochs=short_epochs(full.epochs))


def short_epochs(epochs: int) -> int:
    """Epochs of a short run, given those of a full one.

    >>> short_epochs(6), short_epochs(1)
    (2, 1)
    """
    return max(1, epochs // SHORT_PART)


def short_scores(history: History, calibration: Calibration, plans: Sequence[RankPlan]) -> dict[RankPlan, float]:
    """Scores of short runs; all that are missing are asked for at once."""
    scores = history.scores([short_spec(history, calibration, plan) for plan in plans])
    return dict(zip(plans, scores, strict=True))


def estimates(
    history: History, calibration: Calibration, plans: Sequence[RankPlan], shortlist: Iterable[RankPlan]
) -> dict[RankPlan, float]:
    """Estimates that compare plans of different shape: of those on the shortlist by a short run too, else by cuts.

    Neither is good alone. A short run is noisy; a cut is biased, since leaving a layer out of a run that was trained
    with it looks worse than training without it. Their errors have little in common, so the mean of both, the cuts
    brought to the mean and spread of the short runs, ranks plans better than either (docs/proxies.md). With
    `finetune` every plan is trained in full, and that is its score.
    """
    if not history.problem.settings.is_cut:
        return short_scores(history, calibration, plans)
    cuts = search_scores(history, calibration, plans)
    short = short_scores(history, calibration, list(dict.fromkeys(shortlist)))
    both = [(cuts[plan], score) for plan, score in short.items() if plan in cuts and math.isfinite(cuts[plan] + score)]
    found = _on_scale(cuts, both)
    is_short = short_epochs(history.problem.epochs) < history.problem.epochs
    for plan, score in short.items():
        if math.isfinite(score):
            found[plan] = mean_score([found[plan], score]) if is_short else score
        elif history.has(short_spec(history, calibration, plan)):  # it failed, so it is no plan to choose
            found[plan] = math.inf
    return found


def _on_scale(cuts: dict[RankPlan, float], both: Sequence[tuple[float, float]]) -> dict[RankPlan, float]:
    """Cuts with the mean and the standard deviation of the short runs of the same plans."""
    if not both:
        return cuts
    cut, short = np.array(both).T
    stretch = short.std() / cut.std() if len(both) > 2 and cut.std() > 0 else 1.0
    return {plan: float(short.mean() + stretch * (score - cut.mean())) for plan, score in cuts.items()}


def full_scores(history: History, calibration: Calibration, plan: RankPlan, seeds: Iterable[int]) -> list[float]:
    """Scores of full runs of a plan, one per seed."""
    return history.scores([full_spec(history, calibration, plan, seed) for seed in seeds])


def holds(history: History, calibration: Calibration, plan: RankPlan, reference: RankPlan, *, seeds: int) -> bool:
    """Whether a plan's full runs lose at most noise floor / sqrt(n) against a reference, in the mean over n seeds.

    Seeds are asked one by one, and no more of them than the answer needs (`is_settled`).
    """
    losses: list[float] = []
    limit = math.inf
    for seed in range(seeds):
        # the reference first: if the limits end here, it is the finding
        theirs, ours = history.scores([full_spec(history, calibration, one, seed) for one in (reference, plan)])
        if not math.isfinite(ours + theirs):
            continue
        losses.append(ours - theirs)
        planned = seeds - (seed + 1 - len(losses))
        limit = calibration.noise_floor / math.sqrt(planned)
        if is_settled(losses, limit, seeds=planned, noise=calibration.noise_floor):
            break
    return bool(losses) and mean_score(losses) <= limit


def is_settled(losses: Sequence[float], limit: float, *, seeds: int, noise: float) -> bool:
    """Whether more seeds would hardly change on which side of a limit the mean loss ends.

    Stochastic curtailment (Lan, Simon and Halperin 1982): the losses of the seeds to come are taken to be normal around
    the mean so far, whose own uncertainty counts too. A difference of two independent runs has the spread sqrt(2)
    times that of one; common random numbers make it smaller.

    Args:
        losses: Differences of the seeds so far.
        limit: What the mean over all seeds is held against.
        seeds: How many seeds there can be.
        noise: Standard deviation of one run's score over seeds.
    """
    known = len(losses)
    if known == 0 or known >= seeds:
        return False
    spread = math.sqrt(2) * noise * math.sqrt((seeds - known) / (seeds * known))
    return abs(mean_score(losses) - limit) > SETTLED * spread


def mean_score(scores: Sequence[float]) -> float:
    """Mean of the finite scores; infinity if there is none."""
    finite = [score for score in scores if math.isfinite(score)]
    return sum(finite) / len(finite) if finite else math.inf
