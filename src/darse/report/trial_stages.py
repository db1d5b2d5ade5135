"""Trials to the stages that asked for them, inferred from what each trial is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from darse.ranks.plan import RankPlan
from darse.report.facts import Found, found
from darse.search.result import Result
from darse.search.stages import STAGES
from darse.store.trial import TrialSpec


@dataclass(frozen=True, slots=True)
class _Clues:
    """What gives a stage away: plans of one stage alone, and the epochs of the shortest runs, those of the search."""

    parents: frozenset[TrialSpec]
    coarse: Collection[RankPlan]
    fine: Collection[RankPlan]
    proof: Collection[RankPlan]
    learning_rate: float
    is_cut: bool
    search_epochs: int


def trial_stages(result: Result) -> tuple[str, ...]:
    """The stage of every trial, in the order asked.

    A trial does not name its stage, and one trial may serve several; the first that would ask for it is taken.
    Stages follow each other, so no trial is put before the stage of an earlier one.
    """
    clues = _clues(result)
    stages: list[str] = []
    latest = 0
    for trial in result.trials:
        latest = max(latest, STAGES.index(_stage(trial.spec, clues)))
        stages.append(STAGES[latest])
    return tuple(stages)


def _clues(result: Result) -> _Clues:
    parts = found(result)
    is_cut = result.settings.search.evaluator == "truncate"
    named = set(parts.calibrate.parents)
    return _Clues(
        frozenset(trial.spec for trial in result.trials if trial.id in named),
        _uniform(result, parts.coarse.curve),
        _uniform(result, parts.fine.curve),
        _proof(parts),
        parts.calibrate.learning_rate,
        is_cut,
        min((trial.spec.epochs for trial in result.trials if trial.spec.epochs), default=0),
    )


def _uniform(result: Result, ranks: Collection[int]) -> frozenset[RankPlan]:
    return frozenset(RankPlan.uniform(result.sites, rank) for rank in ranks)


def _proof(parts: Found) -> frozenset[RankPlan]:
    """Plans that only stage verify looks at."""
    known = {candidate.plan for candidate in parts.allocate.candidates}
    return frozenset(control.plan for control in parts.verify.controls) - known


def _stage(spec: TrialSpec, clues: _Clues) -> str:
    is_trained = spec.evaluator != "truncate"
    if is_trained and (spec.learning_rate != clues.learning_rate or spec in clues.parents):
        return "calibrate"
    if is_trained and (spec.seed > 0 or spec.epochs != clues.search_epochs or spec.plan in clues.proof):
        return "verify"
    if is_trained and clues.is_cut:
        return "allocate"
    if spec.plan in clues.coarse:
        return "coarse"
    return "fine" if spec.plan in clues.fine else "allocate"
