"""Trials to the stages that asked for them, inferred from what each trial is."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from darse.ranks.plan import RankPlan
from darse.report.facts import Found, found, scored
from darse.search.history import is_run
from darse.search.result import Result
from darse.search.scoring import short_epochs
from darse.search.stages import STAGES
from darse.store.trial import TrialSpec


@dataclass(frozen=True, slots=True)
class _Clues:
    """What gives a stage away: plans of one stage alone, and the epochs of the search's own runs."""

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
    first = _first_of_allocate(result, clues)
    for place, trial in enumerate(result.trials):
        stage = _stage(trial.spec, clues)
        # before plans of other shapes are looked at, a full run can only confirm a uniform rank
        if place < first and stage != "calibrate" and trial.spec.epochs:
            stage = "fine"
        latest = max(latest, STAGES.index(stage))
        stages.append(STAGES[latest])
    return tuple(stages)


def _clues(result: Result) -> _Clues:
    parts = found(result)
    is_cut = result.settings.search.is_cut
    epochs, named = result.settings.train.epochs, set(parts.calibrate.parents)
    return _Clues(
        frozenset(trial.spec for trial in result.trials if trial.id in named),
        _uniform(result, parts.coarse.curve),
        _uniform(result, parts.fine.curve),
        _proof(result, parts),
        parts.calibrate.learning_rate,
        is_cut,
        short_epochs(epochs) if is_cut else epochs,
    )


def _first_of_allocate(result: Result, clues: _Clues) -> int:
    """Place of the first trial that only stage allocate asks for; 0 if none does or every trial is a full run."""
    if not clues.is_cut:
        return 0
    places = (
        place
        for place, trial in enumerate(result.trials)
        if trial.spec.plan not in clues.fine
        and (not trial.spec.epochs or trial.spec.epochs == clues.search_epochs < result.settings.train.epochs)
    )
    return next(places, 0)


def _uniform(result: Result, curve: Mapping[int, float]) -> frozenset[RankPlan]:
    """Uniform plans that a stage has a score of."""
    return frozenset(RankPlan.uniform(result.sites, rank) for rank, score in curve.items() if math.isfinite(score))


def _proof(result: Result, parts: Found) -> frozenset[RankPlan]:
    """Plans that only stage verify looks at; a candidate that a limit left without a score may be one."""
    known = {candidate.plan for candidate in scored(parts.allocate.candidates)}
    if not result.settings.search.is_cut:
        known |= _uniform(result, parts.fine.curve)
    asked = {one.plan for one in parts.allocate.candidates} | {one.plan for one in parts.verify.controls}
    return frozenset(asked | {result.plan}) - known


def _stage(spec: TrialSpec, clues: _Clues) -> str:
    is_trained = is_run(spec)
    if is_trained and (spec.learning_rate != clues.learning_rate or spec in clues.parents):
        return "calibrate"
    if is_trained and (spec.seed > 0 or spec.epochs != clues.search_epochs or spec.plan in clues.proof):
        return "verify"
    if is_trained and clues.is_cut:
        return "allocate"
    if spec.plan in clues.coarse:
        return "coarse"
    return "fine" if spec.plan in clues.fine else "allocate"
