"""Histories written by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from darse.search.calibrate import Calibration
from darse.search.history import History, Problem, Wanted
from darse.store.trial import Failure, Outcome, Trial, TrialSpec

Found = TypeVar("Found")
Scores = Callable[[TrialSpec], float | None]
"""Score of a spec; None for a trial that fails."""


def asked_of(stage: Callable[[History], Found], problem: Problem, scores: Scores) -> tuple[Found, list[TrialSpec]]:
    """What a stage finds when every trial it wants gets the score of a function, and what it wanted."""
    trials: dict[str, Trial] = {}
    failed: dict[str, Failure] = {}
    asked: list[TrialSpec] = []
    while True:
        try:
            return stage(History(problem, trials, failed)), asked
        except Wanted as wanted:
            for spec in wanted.specs:
                asked.append(spec)
                name, score = spec.id(problem.context), scores(spec)
                if score is None:
                    failed[name] = Failure(spec, "written so")
                else:
                    trials[name] = Trial(name, spec, Outcome(score, {}, ""))


def a_calibration(problem: Problem, *, noise_floor: float = 0.01, rank: int = 16) -> Calibration:
    return Calibration(1e-3, noise_floor, 3, rank, {1e-3: 1.0}, (), float(rank))
