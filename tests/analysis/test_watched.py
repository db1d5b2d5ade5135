"""What rules watch of a study: each figure from what is known, and nothing where it does not apply."""

from __future__ import annotations

from dataclasses import replace

import pytest

from darse.analysis.watched import EFFECT, RELOAD, SPENT, STALLED, TIE, figures_of
from darse.search.controls import BEST_UNIFORM, SHUFFLED
from darse.store.protocol import Event
from tests.analysis.samples import STARTED, a_result, a_study
from tests.report.samples import SHAPES

NOW = STARTED + 3600.0


def opened(**limits: object) -> Event:
    return Event(STARTED + 60, "opened", {"worker": "w", **limits})


def test_the_effect_is_told_in_noise_floors() -> None:
    result = a_result()
    verified, calibration = result.findings.verify, result.findings.calibrate
    assert verified is not None
    assert calibration is not None
    runs = verified.runs(result.trials, result.settings.train.epochs)
    uniform = next(one.plan for one in verified.controls if one.name == BEST_UNIFORM)
    means = [sum(run.outcome.score for run in runs[plan]) / len(runs[plan]) for plan in (uniform, result.plan)]
    found = figures_of(a_study(result), now=NOW, last_end=None)
    assert found[EFFECT] == pytest.approx((means[0] - means[1]) / calibration.noise_floor)


@pytest.mark.parametrize(
    ("low", "high", "tie"), [(-0.1, 0.1, 1.0), (0.01, 0.1, 0.0), (-0.2, -0.1, 0.0), (0.0, 0.1, 1.0)]
)
def test_a_shuffled_control_ties_where_its_interval_holds_zero(low: float, high: float, tie: float) -> None:
    result = a_result()
    controls = tuple(
        replace(one, low=low, high=high) if one.name == SHUFFLED else one for one in result.verdict.controls
    )
    result = replace(result, verdict=replace(result.verdict, controls=controls))
    assert figures_of(a_study(result), now=NOW, last_end=None)[TIE] == tie


def test_a_search_under_way_stands_still_since_its_last_trial_or_since_it_was_begun() -> None:
    events = [opened()]
    study = a_study(trials=[], state="running", events=events)
    assert figures_of(study, now=NOW, last_end=None)[STALLED] == pytest.approx(59)
    assert figures_of(study, now=NOW, last_end=NOW - 120)[STALLED] == pytest.approx(2)
    gone_on = a_study(trials=[], state="running", events=[*events, Event(NOW - 30, "continued", {})])
    assert figures_of(gone_on, now=NOW, last_end=NOW - 120)[STALLED] == pytest.approx(0.5)


@pytest.mark.parametrize("state", ["finished", "stopped"])
def test_one_that_is_not_under_way_does_not_stand_still(state: str) -> None:
    assert figures_of(a_study(trials=[], state=state), now=NOW, last_end=STARTED)[STALLED] == 0


def test_the_larger_part_of_the_limits_counts_as_they_were_last_given() -> None:
    result = a_result()
    runs = sum(trial.spec.epochs > 0 for trial in result.trials)
    events = [opened(max_trials=1, max_minutes=None), opened(max_trials=2 * runs, max_minutes=None)]
    study = a_study(result, events=events)
    assert figures_of(study, now=NOW, last_end=None)[SPENT] == pytest.approx(0.5)
    minutes = result.seconds / 60
    study = a_study(result, events=[opened(max_trials=2 * runs, max_minutes=minutes)])
    assert figures_of(study, now=NOW, last_end=None)[SPENT] == pytest.approx(1.0)
    assert SPENT not in figures_of(a_study(result, events=[opened()]), now=NOW, last_end=None)


def test_failed_reloads_are_counted_since_the_last_good_one() -> None:
    bad, good = Event(NOW, "reload", {"is_good": False}), Event(NOW, "reload", {"is_good": True})
    for events, amount in (([], 0), ([bad], 1), ([bad, bad], 2), ([bad, good], 0), ([bad, good, bad], 1)):
        assert figures_of(a_study(trials=[], events=events), now=NOW, last_end=None)[RELOAD] == amount


def test_what_does_not_apply_is_left_out() -> None:
    found = figures_of(a_study(a_result(SHAPES["limited"]), events=[opened(max_trials=12)]), now=NOW, last_end=None)
    assert SPENT in found
    under_way = figures_of(a_study(trials=[], state="running", events=[opened()]), now=NOW, last_end=None)
    assert set(under_way) == {STALLED, RELOAD}
