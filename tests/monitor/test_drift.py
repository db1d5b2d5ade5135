"""Drift: unchanged traffic is left alone, a shift is seen and named, and small samples say nothing."""

from __future__ import annotations

import numpy as np
import pytest

from darse.evaluate.sample import Sample
from darse.monitor.drift import COLUMNS, FEWEST_TEXTS, SMALLEST_EFFECT, Column, compare

STREAM = np.random.default_rng


def a_sample(seed: int, rows: int = 300, **shift: float) -> Sample:
    """Texts of one kind, with every column; a shift moves one of them."""
    stream = STREAM(seed)
    positive = 0.6 + shift.get("label", 0.0)
    confidence = stream.beta(8, 2, rows) ** (1 + 2 * shift.get("confidence", 0.0))
    return Sample.of(
        label=np.where(stream.random(rows) < positive, "positive", "negative"),
        score=stream.normal(shift.get("score", 0.0), 0.5, rows),
        confidence=confidence,
        tokens=np.round(stream.lognormal(3 + shift.get("tokens", 0.0), 0.5, rows)),
        unknown=stream.binomial(20, 0.005 + shift.get("unknown", 0.0), rows) / 20,
    )


def test_unchanged_traffic_is_called_drift_at_most_as_often_as_the_level_says() -> None:
    """400 pairs of samples: 5 % are 20, and 31 are more than chance gives once in a hundred times."""
    alarms = sum(any(one.is_shown for one in compare(a_sample(2 * at), a_sample(2 * at + 1))) for at in range(400))
    assert alarms <= 31


SHIFTS: dict[Column, float] = {"label": -0.25, "score": 0.25, "confidence": 0.5, "tokens": 0.3, "unknown": 0.02}


@pytest.mark.parametrize("column", COLUMNS)
def test_a_shift_is_found_in_its_own_column_and_in_no_other(column: Column) -> None:
    found = 0
    for seed in range(20):
        drifts = {
            one.column: one for one in compare(a_sample(seed), a_sample(100 + seed, 500, **{column: SHIFTS[column]}))
        }
        assert [one.is_shown for name, one in drifts.items() if name != column].count(True) <= 1
        found += drifts[column].is_shown
    assert found >= 19


def test_a_sure_but_tiny_difference_is_left_alone() -> None:
    found = {one.column: one for one in compare(a_sample(0, 40_000), a_sample(1, 40_000, score=0.05))}
    assert found["score"].p < 1e-4
    assert found["score"].effect < SMALLEST_EFFECT
    assert not found["score"].is_shown


def test_a_new_label_and_one_that_is_gone_count() -> None:
    sample = a_sample(0)
    changed = Sample.of(
        label=np.where(sample.label == "positive", "neutral", "negative"),
        score=sample.score,
        confidence=sample.confidence,
        tokens=sample.tokens,
        unknown=sample.unknown,
    )
    (drift,) = [one for one in compare(sample, changed) if one.is_shown]
    assert drift.column == "label"
    assert drift.effect == pytest.approx(np.mean(sample.label == "positive"))
    assert drift.after == 0.0


def test_small_samples_and_columns_that_are_not_there_say_nothing() -> None:
    assert compare(a_sample(0), a_sample(1, FEWEST_TEXTS - 1)) == []
    assert compare(a_sample(0, FEWEST_TEXTS - 1), a_sample(1)) == []
    plain = a_sample(0)
    scores = Sample.of(label=[], score=plain.score, confidence=[], tokens=plain.tokens, unknown=plain.unknown)
    assert [one.column for one in compare(scores, a_sample(1))] == ["score", "tokens", "unknown"]


def test_columns_without_any_difference_between_texts_are_no_drift() -> None:
    flat = Sample.of(label=["a"] * 50, score=[1.0] * 50, confidence=[1.0] * 50, tokens=[3] * 50, unknown=[0.0] * 50)
    assert all(one.p == 1.0 and one.effect == 0.0 for one in compare(flat, flat))
