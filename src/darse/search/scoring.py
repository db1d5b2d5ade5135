"""A plan to the cheapest trials that score it: cut from calibrated runs, or trained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from darse.ranks.plan import RankPlan
from darse.search.calibrate import Calibration
from darse.search.history import History
from darse.store.trial import TrialSpec


def search_specs(history: History, calibration: Calibration, plan: RankPlan) -> list[TrialSpec]:
    """The trials behind a plan's search score, for the evaluator in the settings.

    `truncate` cuts every calibrated run, so that the score is a mean over their seeds; `finetune` trains once.
    """
    if history.problem.settings.evaluator == "truncate":
        return [proxy_spec(history, plan, parent) for parent in calibration.parents]
    return [real_spec(history, calibration, plan, 0)]


def proxy_spec(history: History, plan: RankPlan, parent: str) -> TrialSpec:
    """The plan cut from one finished run."""
    return TrialSpec(plan, history.trials[parent].spec.seed, 0.0, 0, "truncate", parent)


def real_spec(history: History, calibration: Calibration, plan: RankPlan, seed: int) -> TrialSpec:
    """The plan trained in full with the calibrated learning rate."""
    return TrialSpec(plan, seed, calibration.learning_rate, history.problem.epochs)


def search_scores(history: History, calibration: Calibration, plans: Sequence[RankPlan]) -> dict[RankPlan, float]:
    """Search scores of several plans; all trials that are missing are asked for at once."""
    specs = {plan: search_specs(history, calibration, plan) for plan in plans}
    history.need(spec for one in specs.values() for spec in one)
    return {plan: history.mean_score(one) for plan, one in specs.items()}


def real_scores(history: History, calibration: Calibration, plan: RankPlan, seeds: Iterable[int]) -> list[float]:
    """Scores of full runs of a plan, one per seed."""
    return history.scores([real_spec(history, calibration, plan, seed) for seed in seeds])
