"""A result to the facts that the page, the card and the summary all state."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from darse.amounts import plural
from darse.ranks.plan import RankPlan, cost, is_uniform
from darse.report.words import listed
from darse.search.allocate import Allocation, Candidate
from darse.search.calibrate import Calibration
from darse.search.controls import BEST_UNIFORM
from darse.search.history import is_run
from darse.search.result import Result
from darse.search.uniform import Coarse, Fine
from darse.search.verdict import ControlEffect
from darse.search.verify import Verified
from darse.store.trial import Trial, TrialSpec

FOUND = "found plan"
VERDICT_WORDS = {
    "better": "Better",
    "smaller": "Smaller and not worse",
    "no_difference": "No difference shown",
    "worse": "Worse",
}
_ALONE = "Nothing compared"


@dataclass(frozen=True, slots=True)
class Found:
    """The findings of a finished study, none of them missing."""

    calibrate: Calibration
    coarse: Coarse
    fine: Fine
    allocate: Allocation
    verify: Verified


@dataclass(frozen=True, slots=True)
class NamedPlan:
    """The found plan or a control.

    Attributes:
        name: `found plan`, or the control's name.
        plan: Its ranks.
        cost: Its trainable parameters.
        runs: Its full training runs at the calibrated learning rate.
    """

    name: str
    plan: RankPlan
    cost: int
    runs: tuple[Trial, ...]

    @property
    def score(self) -> float | None:
        """Mean search score of its runs; None without a run."""
        return sum(run.outcome.score for run in self.runs) / len(self.runs) if self.runs else None


def found(result: Result) -> Found:
    """The findings of every stage."""
    findings = result.findings
    assert findings.calibrate is not None, "a finished study has a finding of every stage"
    assert findings.coarse is not None
    assert findings.fine is not None
    assert findings.allocate is not None
    assert findings.verify is not None
    return Found(findings.calibrate, findings.coarse, findings.fine, findings.allocate, findings.verify)


def named_plans(result: Result) -> tuple[NamedPlan, ...]:
    """The found plan, then its controls, each with its real runs."""
    verified = found(result).verify
    pairs = [(FOUND, result.plan), *((one.name, one.plan) for one in verified.controls)]
    runs = verified.runs(result.trials, result.settings.train.epochs)
    return tuple(NamedPlan(name, plan, cost(plan, result.sites), runs.get(plan, ())) for name, plan in pairs)


def verdict_words(result: Result) -> str:
    """The verdict in a word or three; a plan that nothing was trained beside has none."""
    return VERDICT_WORDS[result.verdict.verdict] if result.verdict.controls else _ALONE


def scored(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates that were tried."""
    return [one for one in candidates if math.isfinite(one.score)]


def seeds_that_ran(result: Result) -> tuple[int, ...]:
    """Seeds of the found plan's finished full runs."""
    return tuple(run.spec.seed for run in named_plans(result)[0].runs)


def seed_words(seeds: Sequence[int]) -> str:
    """Seeds by number.

    >>> seed_words([0]), seed_words([0, 1, 2])
    ('seed 0 alone', 'seeds 0, 1, 2')
    """
    return f"seed {seeds[0]} alone" if len(seeds) == 1 else f"seeds {listed(list(map(str, seeds)), 12)}"


def exported_words(result: Result) -> str:
    """Which of the found plan's trials is exported, out of which; empty where an own evaluator left no adapter."""
    if result.quality is None:
        return ""
    ran = seeds_that_ran(result)
    chosen = next(trial for trial in result.trials if trial.id == result.quality.trial)
    runs = f"the {len(ran)} runs" if len(ran) > 1 else "the run"
    match trial_kind(chosen, result):
        case "mean":
            return f"the mean of {runs} of the plan, cut back to its ranks, the best on validation"
        case "recovered":
            return (
                f"cut from the mean of the calibrated runs and trained on for {plural(chosen.spec.epochs, 'epoch')}, "
                f"better on validation than {runs} of the plan"
            )
    others = len(ran) + sum(one in {trial.spec for trial in result.trials} for one in found(result).verify.variants)
    if others == 1:
        return seed_words(ran)
    return f"seed {chosen.spec.seed}, the best on validation of {others} adapters of the plan"


def best_uniform(result: Result) -> tuple[int, int]:
    """Rank and cost of the uniform plan that the verdict calls the best one.

    It is where quality saturates, or the largest within the budget if that is less.
    """
    named = [control.plan for control in found(result).verify.controls if control.name == BEST_UNIFORM]
    if not named and is_uniform(result.plan, result.sites):
        named = [result.plan]
    rank = max(named[0]) if named else found(result).fine.rank
    return rank, cost(RankPlan.uniform(result.sites, rank), result.sites)


def trial_kind(trial: Trial, result: Result) -> str:
    """How a trial of a study got its score; see `kind_of`."""
    return kind_of(trial.spec, result.settings.train.epochs)


def kind_of(spec: TrialSpec, epochs: int) -> str:
    """How a trial gets its score.

    `full run`, `short run` (fewer epochs), `cut` (from full runs), `recovered` (cut and trained on), `mean` (of runs).

    Args:
        spec: Of the trial.
        epochs: Of a full run.
    """
    if spec.evaluator == "recover":
        return "recovered" if is_run(spec) else "mean"
    if not is_run(spec):
        return "cut"
    return "short run" if spec.epochs < epochs else "full run"


def reference(result: Result) -> ControlEffect | None:
    """The control that opens the verdict: the best uniform plan, or the first there is."""
    controls = result.verdict.controls
    return next((one for one in controls if one.name == BEST_UNIFORM), controls[0] if controls else None)


def has_proxy(result: Result) -> bool:
    """Whether candidates were compared by something cheaper than full runs."""
    return result.settings.search.is_cut
