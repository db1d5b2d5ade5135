"""Importance: it finds what was planted, says how sure it is, and knows when it cannot tell."""

from __future__ import annotations

import math

import pytest

from darse.analysis.importance import importances
from tests.analysis.samples import a_result, a_study, planted_trials

WORTH = (0.0, 0.02, 0.1, 0.05)


def test_what_was_planted_is_found() -> None:
    found = importances(a_study(trials=planted_trials(WORTH, 120, noise=0.02)), resamples=300)
    assert found is not None
    assert found.explained is not None
    assert found.explained > 0.9
    for one, truth in zip(found.sites, WORTH, strict=True):
        assert one.low <= one.worth <= one.high
        assert one.worth == pytest.approx(truth, abs=0.01)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    held = [
        one.low <= truth <= one.high
        for seed in range(30)
        if (found := importances(a_study(trials=planted_trials(WORTH, 60, noise=0.05, seed=seed)), resamples=200))
        for one, truth in zip(found.sites, WORTH, strict=True)
    ]
    assert len(held) == 120
    assert 0.85 <= sum(held) / len(held) <= 0.99


def test_how_a_trial_was_made_is_no_ranks_doing() -> None:
    trials = planted_trials((0.0, 0.0, 0.0), 60)
    found = importances(a_study(trials=trials), resamples=100)
    assert found is not None
    assert all(abs(one.worth) < 1e-9 for one in found.sites)


def test_losses_that_no_rank_explains_are_said_to_be_unexplained() -> None:
    found = importances(a_study(trials=planted_trials((0.0,) * 4, 60, noise=0.1)), resamples=200)
    assert found is not None
    assert found.explained is not None
    assert found.explained < 0.1
    assert sum(one.low <= 0 <= one.high for one in found.sites) >= 3


def test_few_plans_are_not_enough() -> None:
    assert importances(a_study(trials=planted_trials(WORTH, 5)), resamples=10) is None
    assert importances(a_study(trials=[])) is None


def test_a_finished_study_puts_its_middle_layers_first() -> None:
    found = importances(a_study(a_result()), resamples=200)
    assert found is not None
    best = max(found.sites, key=lambda one: one.worth)
    assert best.site in {2, 3}
    assert found.explained is not None
    assert math.isfinite(found.explained)
