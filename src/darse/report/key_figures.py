"""A result to the figures that open the report."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass

from darse.amounts import plural
from darse.ranks.plan import is_uniform
from darse.report.facts import Found, best_uniform, found, has_proxy, reference, scored, seeds_that_ran, trial_kind
from darse.report.parts import ABSENT, NOT_MEASURED
from darse.report.words import count, duration, effect, metric_value, metric_words, number, percent
from darse.search.calibrate import UNKNOWN_NOISE, Calibration
from darse.search.result import Result
from darse.search.verdict import Verdict


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


def key_figures(result: Result) -> tuple[KeyFigure, ...]:
    """What people ask first, most important first."""
    return (*_size_figures(result), *_quality_figures(result), *_search_figures(result))


def _size_figures(result: Result) -> list[KeyFigure]:
    rank, uniform = best_uniform(result)
    head = result.origin.head_parameters
    figures = [
        KeyFigure(
            "Adapter parameters",
            count(result.cost),
            (f"within a budget of {count(found(result).allocate.budget)}; " if result.settings.search.budget else "")
            + (f"the head adds {count(head)}" if head else "the head counted apart"),
        ),
        KeyFigure(
            "Share of the base model",
            percent(result.cost, result.origin.base_parameters),
            f"of {count(result.origin.base_parameters)} parameters",
        ),
    ]
    label, note = "Size against best uniform", f"the best uniform plan has rank {rank} and {count(uniform)} parameters"
    if is_uniform(result.plan, result.sites):
        itself = f"the plan is itself uniform, of rank {max(result.plan)}"
        note = itself if result.cost == uniform else f"{itself}; {note}"
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
                _mean_note(seeds_that_ran(result), result.verdict),
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


def _mean_note(seeds: Sequence[int], verdict: Verdict) -> str:
    mean, low, high = (metric_value(value, verdict.metric) for value in astuple(verdict.level))
    if len(seeds) < 2:
        return f"exported adapter; the plan ran once, {mean}, 95 % interval {low} to {high}"
    return f"exported adapter; mean over {len(seeds)} seeds {mean}, 95 % interval {low} to {high}"


def _search_figures(result: Result) -> list[KeyFigure]:
    parts = found(result)
    kinds = Counter(trial_kind(trial, result) for trial in result.trials)
    return [
        KeyFigure(
            "Learning rate",
            number(parts.verify.learning_rates[0]),
            _rate_note(parts, result.settings.search.learning_rates),
        ),
        KeyFigure(
            "Noise floor",
            number(parts.calibrate.noise_floor, 3),
            _noise_note(parts.calibrate),
        ),
        _proxy_figure(parts) if has_proxy(result) else _NO_PROXY,
        KeyFigure(
            "Trials",
            count(len(result.trials)),
            ", ".join(how(kinds[kind]) for kind, how in _KINDS.items() if kinds[kind])
            + f"; {count(len(result.failures))} failed",
        ),
        KeyFigure("Time", duration(result.seconds), "of evaluation in all"),
    ]


def _rate_note(parts: Found, grid: Sequence[float]) -> str:
    calibration = parts.calibrate
    tried = [rate for rate, score in calibration.tried.items() if math.isfinite(score)]
    if len(tried) < 2:
        return f"the only one tried of {len(grid)} in the grid" if len(grid) > 1 else "given, not searched"
    words = f"best of {len(tried)} rates tried"
    for edge, name, way in ((min(grid), "lowest", "lower"), (max(grid), "highest", "higher")):
        if calibration.learning_rate == edge:
            words += f"; the {name} of the grid, so a {way} one may be better"
    if calibration.rate_exponent:
        own = number(calibration.learning_rate)
        words = f"the plan's; at rank {calibration.rank} it is {own}, {words}; lower ranks learn best at higher rates"
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
    note = f"order of {plural(verified.proxy_plans, 'plan')} as cuts against full runs; 1 is the same order"
    return KeyFigure("Proxy correlation", number(verified.proxy_correlation, 2), note)


_NO_PROXY = KeyFigure("Proxy correlation", "not needed", "every score that chose a plan was a full run")
_KINDS: dict[str, Callable[[int], str]] = {
    "full run": lambda amount: plural(amount, "full run"),
    "short run": lambda amount: plural(amount, "short run"),
    "cut": lambda amount: f"{count(amount)} cut from full runs",
    "recovered": lambda amount: f"{count(amount)} cut and trained on",
    "mean": lambda amount: f"{count(amount)} mean of runs",
}
