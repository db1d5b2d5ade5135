"""A study at a moment to the figures that alert rules watch: noise, controls, standstill, limits, failed reloads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from darse.analysis.history import kind_of
from darse.analysis.studied import Studied, read_study
from darse.report.facts import named_plans
from darse.search.controls import BEST_UNIFORM, SHUFFLED
from darse.search.limits import runs_made
from darse.search.result import Result
from darse.store.protocol import Event, Store, StudyRecord
from darse.store.trial import TRAINER, total_seconds

EFFECT, TIE, STALLED, SPENT, RELOAD = (
    "search.effect_over_noise",
    "search.shuffled_tie",
    "search.minutes_since_trial",
    "search.budget_spent",
    "search.reload_failed",
)
"""What can be watched of a study."""


def search_figures(store: Store, wanted: str | None, now: float) -> Mapping[str, float]:
    """The figures of the study begun last, of all or of those of an id, the beginning of an id, or a name.

    What cannot be known, or does not apply, is left out. Runs of somebody's own Trainer are no searches.

    Args:
        store: Where the study is.
        wanted: Which; None for any.
        now: Seconds since 1970 (UTC).
    """
    records = [one for one in store.studies() if one.settings.get("evaluator") != TRAINER and _is_meant(one, wanted)]
    if not records:
        return {}
    return figures_of(read_study(store, records[-1]), now=now, last_end=store.last_end(records[-1].id))


def figures_of(study: Studied, *, now: float, last_end: float | None) -> dict[str, float]:
    """The figures of one study.

    Args:
        study: The study.
        now: Seconds since 1970 (UTC).
        last_end: When its last trial ended; None before the first.
    """
    found = {RELOAD: float(_failed_reloads(study.events)), STALLED: _minutes_since(study, now, last_end)}
    if (spent := _spent(study)) is not None:
        found[SPENT] = spent
    if study.result is not None and kind_of(study) != "shrink":
        found |= _of_result(study.result)
    return found


def _of_result(result: Result) -> dict[str, float]:
    found = {}
    calibration = result.findings.calibrate
    plans = {one.name: one.score for one in named_plans(result)}
    own, uniform = next(iter(plans.values())), plans.get(BEST_UNIFORM)
    if calibration is not None and calibration.noise_floor > 0 and own is not None and uniform is not None:
        found[EFFECT] = (uniform - own) / calibration.noise_floor
    shuffled = [one for one in result.verdict.controls if one.name == SHUFFLED]
    if shuffled:
        found[TIE] = float(shuffled[0].low <= 0 <= shuffled[0].high)
    return found


def _minutes_since(study: Studied, now: float, last_end: float | None) -> float:
    """Since a search under way last ended a trial, or was begun or gone on with; 0 for one that is not under way."""
    if study.record.state != "running":
        return 0.0
    begun = [event.time for event in study.events if event.kind in {"opened", "continued"}]
    since = max(filter(None, (last_end, *begun, study.record.created)), default=now)
    return max(0.0, now - since) / 60


def _spent(study: Studied) -> float | None:
    """The larger part of its limits that is spent; None without any."""
    told = [event.detail for event in study.events if event.kind in {"opened", "continued"}]
    limits = told[-1] if told else {}
    parts = []
    if isinstance(runs := limits.get("max_trials"), int | float) and runs > 0:
        parts.append(runs_made(study.trials, study.failures) / runs)
    if isinstance(minutes := limits.get("max_minutes"), int | float) and minutes > 0:
        parts.append(total_seconds(study.trials, study.failures) / 60 / minutes)
    return max(parts, default=None)


def _failed_reloads(events: Sequence[Event]) -> int:
    """How often in a row, up to now, an adapter did not answer as the model that it came from."""
    failed = 0
    for event in events:
        if event.kind == "reload":
            failed = 0 if event.detail.get("is_good") else failed + 1
    return failed


def _is_meant(record: StudyRecord, wanted: str | None) -> bool:
    return wanted is None or record.name == wanted or record.id.startswith(wanted)
