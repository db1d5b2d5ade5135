"""A result to the facts that the page, the card and the summary all state."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from darse.ranks.plan import RankPlan, cost
from darse.report.parts import ABSENT, NOT_MEASURED
from darse.report.words import (
    better,
    count,
    duration,
    effect,
    is_share,
    listed,
    metric_value,
    metric_words,
    number,
    percent,
    plural,
)
from darse.search.allocate import Allocation, Candidate
from darse.search.calibrate import UNKNOWN_NOISE, Calibration
from darse.search.controls import BEST_UNIFORM
from darse.search.result import Result
from darse.search.uniform import Coarse, Fine
from darse.search.verdict import ControlEffect
from darse.search.verify import Verified
from darse.store.trial import Trial

FOUND = "found plan"
TRUSTED_CORRELATION = 0.5
TRUSTED_PLANS = 5
FEW_TEST_ROWS = 100
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


def verdict_words(result: Result) -> str:
    """The verdict in a word or three; a plan that nothing was trained beside has none."""
    return VERDICT_WORDS[result.verdict.verdict] if result.verdict.controls else _ALONE


def limit_words(result: Result) -> str:
    """What stands beside the verdict of a study that a limit ended; empty for one that came to its own end."""
    if not result.is_limited:
        return ""
    return (
        f"{_limit(result)} ended the search early: the plan is the best of what was tried, and a longer search may "
        "find another."
    )


def why_missing(result: Result) -> str:
    """Why something was not measured."""
    if result.is_limited:
        return f"{_limit(result)[0].lower()}{_limit(result)[1:]} ended the search before this was measured."
    return "no trial of it gave a score."


def _limit(result: Result) -> str:
    search = result.settings.search
    limits = [plural(search.max_trials, "training run")] if search.max_trials is not None else []
    limits += [f"{search.max_minutes:g} minutes"] if search.max_minutes is not None else []
    return f"The limit of {' or '.join(limits)}" if limits else "A limit on trials or minutes"


def scored(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates that were tried."""
    return [one for one in candidates if math.isfinite(one.score)]


def no_controls_words(result: Result) -> tuple[str, ...]:
    """What was not compared, and what to do about it, where no control was trained."""
    untrained = [control.name for control in found(result).verify.controls]
    if untrained:
        what = (
            f"not trained: {listed(untrained)}. No control was trained before the search ended, so nothing is proved "
            "about the plan."
        )
    elif result.plan.is_uniform and scored([one for one in found(result).allocate.candidates if not one.plan.is_uniform]):
        what = "the plan that was found is itself the best uniform plan."
    elif result.plan.is_uniform:
        what = (
            "the plan that was found is itself uniform, and no plan with ranks of its own for each site was tried, so "
            "nothing is known of whether one would be better."
        )
    else:
        what = "the study has none."
    sentences = [f"There is no control to compare with: {what}"]
    if result.is_limited or untrained:
        sentences.append(
            "To get a comparison, give the same command with a higher --max-trials or --max-minutes, or without a "
            "limit: the study goes on where it stopped."
        )
    return tuple(sentences)


def seeds_that_ran(result: Result) -> tuple[int, ...]:
    """Seeds of the found plan's finished full runs."""
    return tuple(run.spec.seed for run in named_plans(result)[0].runs)


def seed_words(seeds: Sequence[int]) -> str:
    """Seeds by number.

    >>> seed_words([0]), seed_words([0, 1, 2])
    ('seed 0 alone', 'seeds 0, 1, 2')
    """
    return f"seed {seeds[0]} alone" if len(seeds) == 1 else f"seeds {listed(list(map(str, seeds)), 12)}"


def best_uniform(result: Result) -> tuple[int, int]:
    """Rank and cost of the uniform plan that the verdict calls the best one.

    It is where quality saturates, or the largest within the budget if that is less.
    """
    named = [control.plan for control in result.verdict.controls if control.name == BEST_UNIFORM]
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
    return next((one for one in controls if one.name == BEST_UNIFORM), controls[0] if controls else None)


def cautions(result: Result) -> tuple[str, ...]:
    """What a reader must know before trusting the figures, beside `limit_words`."""
    sentences = []
    proxy = proxy_caution(result)
    if proxy:
        sentences.append(proxy)
    if result.failures:
        sentences.append(f"{plural(len(result.failures), 'trial')} failed; the reasons are listed under Failures.")
    missing = [one.name for one in named_plans(result)[1:] if not one.runs]
    if missing:
        sentences.append(f"Not trained, so not part of the verdict: {', '.join(missing)}.")
    rows = result.check.split_rows.get("test", 0) if result.check is not None else FEW_TEST_ROWS
    if rows < FEW_TEST_ROWS:
        sentences.append(
            f"Only {plural(rows, 'test row')}: the figures on test may be far off by chance alone; take "
            f"{FEW_TEST_ROWS} or more, and several hundred to tell plans apart."
        )
    if result.check is not None and result.check.warnings:
        sentences.append(f"The data check has {plural(len(result.check.warnings), 'warning')}; see Data check.")
    return tuple(sentences)


def proxy_words(result: Result) -> str:
    """What the proxy correlation says, in plain words."""
    verified = found(result).verify
    if not _has_proxy(result):
        return "Every score that chose a plan was a full training run, so there is no cheap estimate to distrust."
    if not scored(found(result).allocate.candidates):
        return f"Candidates were not compared: {why_missing(result)}"
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
    if not scored(found(result).allocate.candidates):
        return "No candidate was tried, so nothing was chosen between: plans of other shapes are neither better nor worse."
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
    label, note = "Size against best uniform", f"the best uniform plan has rank {rank} and {count(uniform)} parameters"
    if result.plan.is_uniform:
        return [*figures, KeyFigure(label, "the same", f"the plan is itself uniform, of rank {max(result.plan)}")]
    return [*figures, KeyFigure(label, _size_words(result.cost, uniform), note)]


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
                _mean_note(seeds_that_ran(result), metric_value(result.quality.test_mean[metric], metric)),
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


def _mean_note(seeds: Sequence[int], mean: str) -> str:
    if len(seeds) < 2:
        return "exported adapter, the only run of this plan"
    return f"exported adapter; mean over {len(seeds)} seeds {mean}"


def gap_words(result: Result) -> str:
    """A remark where the judged metric differs much between validation, which chose, and test; empty otherwise."""
    quality, metric = result.quality, result.verdict.metric
    if quality is None or metric not in quality.test or metric not in quality.valid:
        return ""
    test, valid = quality.test[metric], quality.valid[metric]
    if not abs(test - valid) > (0.05 if is_share(metric) else 0.25 * abs(valid)):
        return ""
    words = f"{metric_words(metric)} is {metric_value(test, metric)} on test and {metric_value(valid, metric)} on validation"
    if (test > valid) == (better(metric) == "lower"):
        cause = "the adapter was chosen by validation, which flatters it there; test is the figure to go by"
    else:
        cause = "the rows of the two splits differ, in kind or by chance; do not expect the better figure elsewhere"
    return f"{words[0].upper()}{words[1:]}, a large difference: {cause}."


def accuracy_words(result: Result) -> str:
    """The 95 % interval of accuracy on test (Wilson 1927), from the confusion of classes; empty without classes."""
    if result.quality is None or result.quality.classes is None:
        return ""
    confusion = result.quality.classes.confusion
    rows, right = sum(map(sum, confusion)), sum(row[place] for place, row in enumerate(confusion))
    if not rows:
        return ""
    z, part = 1.96, right / rows
    middle = (part + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z * math.sqrt(part * (1 - part) / rows + z * z / (4 * rows * rows)) / (1 + z * z / rows)
    return (
        f"95 % interval of the accuracy on test: {percent(middle - half, 1)} to {percent(middle + half, 1)} (Wilson, "
        f"{plural(rows, 'row')}); it covers the luck of the rows, not that of the seed."
    )


def _search_figures(result: Result) -> list[KeyFigure]:
    parts = found(result)
    kinds = Counter(trial_kind(trial, result) for trial in result.trials)
    return [
        KeyFigure(
            "Learning rate",
            number(parts.calibrate.learning_rate),
            _rate_note(parts.calibrate, result.settings.search.learning_rates),
        ),
        KeyFigure(
            "Noise floor",
            number(parts.calibrate.noise_floor, 3),
            _noise_note(parts.calibrate),
        ),
        _proxy_figure(parts) if _has_proxy(result) else _NO_PROXY,
        KeyFigure(
            "Trials",
            count(len(result.trials)),
            ", ".join(f"{count(kinds[kind])} {words}" for kind, words in _KINDS.items() if kinds[kind])
            + f"; {count(len(result.failures))} failed",
        ),
        KeyFigure("Time", duration(result.seconds), "of evaluation in all"),
    ]


def _rate_note(calibration: Calibration, grid: Sequence[float]) -> str:
    tried = [rate for rate, score in calibration.tried.items() if math.isfinite(score)]
    if len(tried) < 2:
        return f"the only one tried of {len(grid)} in the grid" if len(grid) > 1 else "given, not searched"
    words = f"best of {len(tried)} rates tried"
    for edge, name, way in ((min(grid), "lowest", "lower"), (max(grid), "highest", "higher")):
        if calibration.learning_rate == edge:
            words += f"; the {name} of the grid, so a {way} one may be better"
    return words


def _noise_note(calibration: Calibration) -> str:
    if calibration.noise_seeds < 2:
        return f"assumed ({100 * UNKNOWN_NOISE:.0f} % of the validation loss; one seed ran)"
    return f"how much the seed alone moves the validation loss, over {calibration.noise_seeds} seeds"


def _proxy_figure(parts: Found) -> KeyFigure:
    verified = parts.verify
    if not scored(parts.allocate.candidates):
        return KeyFigure("Proxy correlation", NOT_MEASURED, "no candidate was tried, so there is no cheap estimate")
    if verified.proxy_correlation is None:
        note = f"too few plans ({verified.proxy_plans}) were also trained in full"
        return KeyFigure("Proxy correlation", NOT_MEASURED, note)
    note = f"order of {plural(verified.proxy_plans, 'plan')} in short runs against full runs; 1 is the same order"
    return KeyFigure("Proxy correlation", number(verified.proxy_correlation, 2), note)


_NO_PROXY = KeyFigure("Proxy correlation", "not needed", "every score that chose a plan was a full run")
_KINDS = {"full run": "full runs", "short run": "short runs", "cut": "cut from full runs"}
