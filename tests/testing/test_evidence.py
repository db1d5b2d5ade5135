"""What two entries' losses prove: each mode keeps the error that it controls, and few rows are never a pass."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from darse.testing.evidence import evidence_of, rows_needed

Floats = NDArray[np.float64]


def pair(rows: int, *, drop: float, differ: float = 0.06, seed: int = 0) -> tuple[Floats, Floats]:
    """Losses of two entries that differ at random on some rows, the second worse by a drop on average."""
    stream = np.random.default_rng(seed)
    baseline = (stream.random(rows) < 0.2).astype(np.float64)
    kind = stream.random(rows)
    candidate = np.where(kind < (differ + drop) / 2, 1.0, np.where(kind < differ, 0.0, baseline))
    # on a share of the rows the one is right and the other wrong, either way round
    baseline = np.where(kind < (differ + drop) / 2, 0.0, np.where(kind < differ, 1.0, baseline))
    return baseline, candidate


def shares(rows: int, drop: float, trials: int = 40) -> dict[str, dict[str, float]]:
    """How often each mode says what."""
    found = [
        evidence_of(*pair(rows, drop=drop, seed=seed), "accuracy", margin=0.04, alpha=None) for seed in range(trials)
    ]
    return {
        mode: {
            outcome: sum(one.outcome(mode) == outcome for one in found) / trials
            for outcome in ("passed", "failed", "undecided")
        }
        for mode in ("not_worse", "regression")
    }


def test_with_enough_rows_both_modes_pass_equals_and_catch_a_drop_of_the_margin() -> None:
    equal, worse = shares(800, 0.0), shares(800, 0.04)
    for mode in ("not_worse", "regression"):
        assert equal[mode]["passed"] >= 0.9
        assert worse[mode]["passed"] <= 0.1


def test_with_few_rows_not_worse_still_passes_no_drop_and_regression_still_fails_no_equal() -> None:
    equal, worse = shares(90, 0.0), shares(90, 0.04)
    assert worse["not_worse"]["passed"] <= 0.1
    assert equal["regression"]["failed"] <= 0.1
    assert equal["regression"]["passed"] == 0
    assert equal["not_worse"]["undecided"] > 0.5


def test_a_candidate_that_answers_alike_passes_in_both_modes() -> None:
    losses = pair(600, drop=0.0)[0]
    found = evidence_of(losses, losses, "accuracy", margin=0.02, alpha=0.05)
    assert (found.outcome("not_worse"), found.outcome("regression")) == ("passed", "passed")


@settings(max_examples=25)
@given(st.integers(1, 40), st.integers(0, 40))
def test_more_lost_rows_never_make_a_better_outcome(lost: int, gained: int) -> None:
    order = ("passed", "undecided", "failed")

    def outcome(losing: int) -> int:
        baseline, candidate = np.zeros(300), np.zeros(300)
        baseline[:gained], candidate[gained : gained + losing] = 1.0, 1.0
        return order.index(evidence_of(baseline, candidate, "accuracy", margin=0.02, alpha=0.05).outcome("not_worse"))

    assert outcome(lost) <= outcome(lost + 5)


def test_errors_of_scores_are_held_to_a_tenth_of_the_baselines() -> None:
    stream = np.random.default_rng(0)
    baseline = stream.chisquare(1, 2000)
    for factor, outcome in ((1.0, "passed"), (1.02, "passed"), (1.3, "failed")):
        candidate = factor * baseline + 0.01 * stream.normal(size=2000)
        found = evidence_of(baseline, candidate, "mse", margin=None, alpha=0.05)
        assert found.margin == pytest.approx(0.1 * baseline.mean())
        assert found.outcome("not_worse") == outcome


@given(st.floats(0.005, 0.1), st.floats(0.5, 0.99))
def test_a_finer_margin_and_a_surer_catch_need_more_rows(margin: float, power: float) -> None:
    difference = np.array([1.0, -1.0] * 5 + [0.0] * 90)
    needed = rows_needed(difference, margin, "accuracy", alpha=0.05, power=power)
    assert needed <= rows_needed(difference, margin / 2, "accuracy", alpha=0.05, power=power)
    assert needed <= rows_needed(difference, margin, "accuracy", alpha=0.01, power=power)
    assert needed <= rows_needed(difference, margin, "accuracy", alpha=0.05, power=0.995)
