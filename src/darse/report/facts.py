"""A result to the facts that the page, the card and the summary all state."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from darse.ranks.plan import RankPlan, cost
from darse.report.parts import ABSENT
from darse.report.words import (
    count,
    duration,
    effect,
    metric_value,
    metric_words,
    number,
    percent,
    plural,
)
from darse.search.allocate import Allocation
from darse.search.calibrate import Calibration
from darse.search.result import Result
from darse.search.uniform import Coarse, Fine
from darse.search.verdict import ControlEffect
from darse.search.verify import Verified
from darse.store.trial import Trial

FOUND = "found plan"
TRUSTED_CORRELATION = 0.5
TRUSTED_PLANS = 5
VERDICT_WORDS = {
    "better": "Better",
    "smaller": "Smaller and not worse",
    "no_difference": "No difference shown",
    "worse": "Worse",
}


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


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """A figure that opens the report.

    Attributes:
        label: What it is.
        value: As text.
        note: What it means, small.
    """

    label: str
    value: str
    note: str


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


def best_uniform(result: Result) -> tuple[int, int]:
    """Rank and cost of the uniform plan that the verdict calls the best one.

    It is where quality saturates, or the largest within the budget if that is less.
    """
    named = [control.plan for control in result.verdict.controls if control.name == "best uniform"]
    if not named and result.plan.is_uniform:
        named = [result.plan]
    rank = max(named[0]) if named else found(result).fine.rank
    return rank, cost(RankPlan.uniform(result.sites, rank), result.sites)


def trial_kind(trial: Trial, result: Result) -> str:
    """How a trial got its score: `full run`, `short run` (fewer epochs) or `cut` (from a full run)."""
    if trial.spec.evaluator == "truncate":
        return "cut"
    return "short run" if trial.spec.epochs < result.settings.train.epochs else "full run"


def reference(result: Result) -> ControlEffect | None:
    """The control that opens the verdict: the best uniform plan, or the first there is."""
    controls = result.verdict.controls
    return next((one for one in controls if one.name == "best uniform"), controls[0] if controls else None)


def cautions(result: Result) -> tuple[str, ...]:
    """What a reader must know before trusting the figures."""
    sentences = []
    if result.is_limited:
        sentences.append(
            "A limit on trials or minutes ended the search early: the plan is the best of what was tried, "
            "and a longer search may find another."
        )
    proxy = proxy_caution(result)
    if proxy:
        sentences.append(proxy)
    if result.failures:
        sentences.append(f"{plural(len(result.failures), 'trial')} failed; the reasons are listed under Failures.")
    missing = [one.name for one in named_plans(result)[1:] if not one.runs]
    if missing:
        sentences.append(f"Not trained, so not part of the verdict: {', '.join(missing)}.")
    if result.check is not None and result.check.warnings:
        sentences.append(f"The data check has {plural(len(result.check.warnings), 'warning')}; see Data check.")
    return tuple(sentences)


def proxy_words(result: Result) -> str:
    """What the proxy correlation says, in plain words."""
    verified = found(result).verify
    if not _has_proxy(result):
        return "Every score that chose a plan was a full training run, so there is no cheap estimate to distrust."
    if verified.proxy_correlation is None:
        return (
            "Candidates were compared by short training runs; too few of them were also trained in full to say how "
            "far that estimate can be trusted."
        )
    words = (
        f"Candidates were compared by short training runs. Over the {verified.proxy_plans} plans that were also "
        f"trained in full, the two orders correlate at {verified.proxy_correlation:.2f} (1 is the same order, 0 is no "
        "relation)."
    )
    if verified.cut_correlation is None:
        return words
    return (
        f"{words} Plans cut from a trained run, which draw the rank curve and the worth of sites, correlate at "
        f"{verified.cut_correlation:.2f}."
    )


def proxy_caution(result: Result) -> str:
    """A plain warning where the proxy is weak or hardly checked; empty otherwise."""
    verified = found(result).verify
    if not _has_proxy(result):
        return ""
    value, plans = verified.proxy_correlation, plural(verified.proxy_plans, "plan")
    if value is None:
        return (
            f"How well the cheap estimate (short runs) orders plans is unknown: only {plans} could be compared. The "
            "verdict does not depend on it, but a better plan may have been overlooked."
        )
    if value < TRUSTED_CORRELATION:
        return (
            f"The cheap estimate (short runs) orders plans poorly: correlation {value:.2f} over {plans}. The search "
            "may have overlooked better plans; the verdict itself rests on full training runs."
        )
    if verified.proxy_plans < TRUSTED_PLANS:
        return f"The proxy correlation ({value:.2f}) rests on only {plans}: by chance alone it could be this high."
    return ""


def key_figures(result: Result) -> tuple[KeyFigure, ...]:
    """What people ask first, most important first."""
    return (*_size_figures(result), *_quality_figures(result), *_search_figures(result))


def _has_proxy(result: Result) -> bool:
    return result.settings.search.evaluator != "finetune"


def _size_figures(result: Result) -> list[KeyFigure]:
    rank, uniform = best_uniform(result)
    head = result.origin.head_parameters
    figures = [
        KeyFigure(
            "Adapter parameters",
            count(result.cost),
            f"within a budget of {count(found(result).allocate.budget)}"
            + (f"; the head adds {count(head)}" if head else ""),
        ),
        KeyFigure(
            "Share of the base model",
            percent(result.cost, result.origin.base_parameters),
            f"of {count(result.origin.base_parameters)} parameters",
        ),
    ]
    note = f"the best uniform plan has rank {rank} and {count(uniform)} parameters"
    return [*figures, KeyFigure("Size against best uniform", _size_words(result.cost, uniform), note)]


def _size_words(own: int, other: int) -> str:
    if own == other:
        return "the same"
    if not own or not other:
        return ABSENT
    return f"{other / own:.1f} × smaller" if own < other else f"{own / other:.1f} × larger"


def _quality_figures(result: Result) -> list[KeyFigure]:
    metric, figures = result.verdict.metric, []
    if result.quality is not None and metric in result.quality.test:
        figures.append(
            KeyFigure(
                f"Test {metric_words(metric)}",
                metric_value(result.quality.test[metric], metric),
                f"exported adapter; mean over seeds {metric_value(result.quality.test_mean[metric], metric)}",
            )
        )
    against = reference(result)
    if against is not None:
        figures.append(
            KeyFigure(
                f"Effect against {against.name}",
                effect(against.effect, metric),
                f"95 % interval {effect(against.low, metric)} to {effect(against.high, metric)} in "
                f"{metric_words(metric)}; above zero is better",
            )
        )
    return figures


def _search_figures(result: Result) -> list[KeyFigure]:
    parts = found(result)
    kinds = Counter(trial_kind(trial, result) for trial in result.trials)
    return [
        KeyFigure(
            "Learning rate",
            number(parts.calibrate.learning_rate),
            f"best of {plural(len(parts.calibrate.tried), 'rate')} tried",
        ),
        KeyFigure(
            "Noise floor",
            number(parts.calibrate.noise_floor, 3),
            "how much the seed alone moves the validation loss",
        ),
        _proxy_figure(parts.verify) if _has_proxy(result) else _NO_PROXY,
        KeyFigure(
            "Trials",
            count(len(result.trials)),
            ", ".join(f"{count(kinds[kind])} {words}" for kind, words in _KINDS.items() if kinds[kind])
            + f"; {count(len(result.failures))} failed",
        ),
        KeyFigure("Time", duration(result.seconds), "of evaluation in all"),
    ]


def _proxy_figure(verified: Verified) -> KeyFigure:
    note = f"order of {plural(verified.proxy_plans, 'plan')} in short runs against full runs; 1 is the same order"
    return KeyFigure("Proxy correlation", number(verified.proxy_correlation, 2), note)


_NO_PROXY = KeyFigure("Proxy correlation", "not needed", "every score that chose a plan was a full run")
_KINDS = {"full run": "full runs", "short run": "short runs", "cut": "cut from full runs"}
