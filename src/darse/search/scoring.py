"""A plan to the cheapest trials that score it: cut from calibrated runs, trained for a short while, or in full."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from darse.ranks.plan import RankPlan
from darse.search.calibrate import Calibration
from darse.search.history import History
from darse.store.trial import TrialSpec

SHORT_PART = 3
"""A short run has a third of a full run's epochs, with a learning rate schedule of its own."""
CUT_PARENTS = 2
"""Calibrated runs that every cut plan is read from, at the most; their mean is its score. Studies of two seeds are
hurried ones and read from one run."""


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
    return TrialSpec(plan, history.trials[parent].spec.seed, 0.0, 0, "truncate", parent)


def full_spec(history: History, calibration: Calibration, plan: RankPlan, seed: int) -> TrialSpec:
    """The plan trained in full with the calibrated learning rate."""
    return TrialSpec(plan, seed, calibration.learning_rate, history.problem.epochs)


def search_scores(history: History, calibration: Calibration, plans: Sequence[RankPlan]) -> dict[RankPlan, float]:
    """Search scores of several plans; all trials that are missing are asked for at once."""
    specs = {plan: search_specs(history, calibration, plan) for plan in plans}
    history.need(spec for one in specs.values() for spec in one)
    return {plan: history.mean_score(one) for plan, one in specs.items()}


def shape_spec(history: History, calibration: Calibration, plan: RankPlan) -> TrialSpec:
    """The trial that compares plans of different shape: a short run, or a full one with `finetune`.

    A cut cannot: leaving a layer out of a run that was trained with it looks far worse than training without it,
    most of all for the upper layers, whose adaptation the head has come to rely on (docs/method.md).
    """
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


def shape_scores(history: History, calibration: Calibration, plans: Sequence[RankPlan]) -> dict[RankPlan, float]:
    """Scores that compare plans of different shape; all trials that are missing are asked for at once."""
    scores = history.scores([shape_spec(history, calibration, plan) for plan in plans])
    return dict(zip(plans, scores, strict=True))


def full_scores(history: History, calibration: Calibration, plan: RankPlan, seeds: Iterable[int]) -> list[float]:
    """Scores of full runs of a plan, one per seed."""
    return history.scores([full_spec(history, calibration, plan, seed) for seed in seeds])


def holds(history: History, calibration: Calibration, plan: RankPlan, reference: RankPlan, *, seeds: int) -> bool:
    """Whether a plan's full runs lose at most noise floor / sqrt(n) against a reference, in the mean over n seeds."""
    # the reference first: if the limits end here, it is the finding
    history.need(full_spec(history, calibration, one, seed) for seed in range(seeds) for one in (reference, plan))
    ours = full_scores(history, calibration, plan, range(seeds))
    theirs = full_scores(history, calibration, reference, range(seeds))
    losses = [one - other for one, other in zip(ours, theirs, strict=True) if math.isfinite(one + other)]
    return bool(losses) and mean_score(losses) <= calibration.noise_floor / math.sqrt(len(losses))


def mean_score(scores: Sequence[float]) -> float:
    """Mean of the finite scores; infinity if there is none."""
    finite = [score for score in scores if math.isfinite(score)]
    return sum(finite) / len(finite) if finite else math.inf
