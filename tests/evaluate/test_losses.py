"""Losses per example, and the temperature that takes over-confidence out of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from darse.data.example import Task
from darse.evaluate.losses import (
    Floats,
    fit_temperature,
    metric_losses,
    negative_log_likelihood,
    search_losses,
    verdict_metric,
)

CLASSES = Task(classes=("negative", "neutral", "positive"))
SCORE = Task(has_score=True, score_mean=3.0, score_sd=2.0, score_low=1.0, score_high=5.0)
BOTH = Task(classes=("negative", "positive"), has_score=True, score_sd=0.5)


def calibrated(
    rows: int, temperature: float, number: int = 0
) -> tuple[Floats, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Logits that are over-confident by a temperature, and labels drawn from what they should say."""
    stream = np.random.default_rng(number)
    logits = stream.normal(size=(rows, 3)) * 2
    noise = stream.gumbel(size=logits.shape)
    return logits * temperature, (logits + noise).argmax(axis=1)


@pytest.mark.parametrize("temperature", [0.2, 0.7, 1.0, 3.0, 10.0])
def test_planted_temperature_is_recovered(temperature: float) -> None:
    logits, labels = calibrated(20_000, temperature)
    assert fit_temperature(logits, labels) == pytest.approx(temperature, rel=0.05)


@given(st.integers(0, 10_000), st.integers(1, 40), st.floats(-3, 3))
def test_fitting_never_raises_the_loss(number: int, rows: int, log_scale: float) -> None:
    stream = np.random.default_rng(number)
    logits = stream.normal(size=(rows, 3)) * math.exp(log_scale)
    labels = stream.integers(0, 3, size=rows)
    fitted = negative_log_likelihood(logits / fit_temperature(logits, labels), labels).mean()
    assert fitted <= negative_log_likelihood(logits, labels).mean() + 1e-6


def test_perfectly_separated_rows_keep_the_temperature_in_its_bounds() -> None:
    labels = np.arange(30) % 3
    logits = np.eye(3)[labels] * 50
    assert 1 / 20 <= fit_temperature(logits, labels) <= 20
    assert np.isfinite(search_losses(logits, labels, np.zeros(30), CLASSES)).all()
    wrong = (labels + 1) % 3
    assert 1 / 20 <= fit_temperature(logits, wrong) <= 20


def test_constant_logits_cost_the_logarithm_of_the_classes() -> None:
    losses = search_losses(np.zeros((5, 3)), np.array([0, 1, 2, 0, 1]), np.zeros(5), CLASSES)
    assert losses == pytest.approx([math.log(3)] * 5)


def test_negative_log_likelihood_is_that_of_scikit_learn() -> None:
    logits, labels = calibrated(200, 1.0)
    odds = np.exp(logits)
    expected = log_loss(labels, odds / odds.sum(axis=1, keepdims=True), labels=[0, 1, 2])
    assert negative_log_likelihood(logits, labels).mean() == pytest.approx(expected)


def test_huge_logits_stay_finite() -> None:
    logits = np.array([[1e300, -1e300, 0.0], [800.0, -800.0, 0.0]])
    assert np.isfinite(negative_log_likelihood(logits, np.array([0, 0]))).all()


def test_a_score_costs_its_squared_error_in_units_of_the_training_variance() -> None:
    logits, scores = np.array([[1.0], [0.0]]), np.array([0.5, -1.0])
    labels = np.zeros(2, dtype=np.int64)
    assert search_losses(logits, labels, scores, SCORE).tolist() == [0.25, 1.0]
    assert metric_losses(logits, labels, scores, SCORE).tolist() == [1.0, 4.0]


def test_both_tasks_cost_the_sum_and_are_judged_by_the_score() -> None:
    stream = np.random.default_rng(0)
    logits, labels, scores = stream.normal(size=(50, 3)), stream.integers(0, 2, size=50), stream.normal(size=50)
    alone = search_losses(logits[:, :2], labels, scores, Task(classes=BOTH.classes))
    total = search_losses(logits, labels, scores, BOTH)
    assert total == pytest.approx(alone + (logits[:, 2] - scores) ** 2)
    assert verdict_metric(BOTH) == verdict_metric(SCORE) == "mse"


def test_classes_are_judged_by_their_errors() -> None:
    logits, labels = calibrated(100, 1.0)
    losses = metric_losses(logits, labels, np.zeros(100), CLASSES)
    assert verdict_metric(CLASSES) == "accuracy"
    assert set(losses.tolist()) == {0.0, 1.0}
    assert 1 - losses.mean() == (logits.argmax(axis=1) == labels).mean()
