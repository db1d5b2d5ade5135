"""Metrics against scikit-learn, scipy and a calculation by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr

from darse.data.example import Task
from darse.evaluate.losses import Floats
from darse.evaluate.metrics import class_report, expected_calibration_error, metrics, middle

CLASSES = Task(classes=("negative", "neutral", "positive"))
NO_SCORES = np.zeros(0)
Labels = np.ndarray[tuple[int], np.dtype[np.int64]]


def predicted(rows: int = 300) -> tuple[Floats, Labels]:
    stream = np.random.default_rng(1)
    logits = stream.normal(size=(rows, 3)) * 2
    return logits, np.where(stream.random(rows) < 0.7, logits.argmax(axis=1), stream.integers(0, 3, size=rows))


def scored(true: Floats, guess: Floats, *, low: float, high: float) -> dict[str, float]:
    """Metrics of scores in the user's units."""
    task = Task(has_score=True, score_mean=(low + high) / 2, score_sd=0.7, score_low=low, score_high=high)
    standard = (guess - task.score_mean) / task.score_sd
    labels = np.zeros(len(true), dtype=np.int64)
    return metrics(standard[:, None], labels, (true - task.score_mean) / task.score_sd, task)


def test_class_metrics_are_those_of_scikit_learn() -> None:
    logits, labels = predicted()
    found, guess = metrics(logits, labels, NO_SCORES, CLASSES), logits.argmax(axis=1)
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(labels, guess))
    assert found["macro_f1"] == pytest.approx(reference.f1_score(labels, guess, average="macro"))


def test_class_report_is_that_of_scikit_learn() -> None:
    logits, labels = predicted()
    report, guess = class_report(logits, labels, CLASSES), logits.argmax(axis=1)
    assert report.precision == pytest.approx(reference.precision_score(labels, guess, average=None))
    assert report.recall == pytest.approx(reference.recall_score(labels, guess, average=None))
    assert report.f1 == pytest.approx(reference.f1_score(labels, guess, average=None))
    assert [list(row) for row in report.confusion] == reference.confusion_matrix(labels, guess).tolist()


def test_a_class_nobody_has_or_predicts_counts_zero_and_warns_nobody() -> None:
    logits = np.array([[3.0, 0.0, 0.0], [3.0, 0.0, 0.0]])
    report = class_report(logits, np.array([0, 0]), CLASSES)
    assert report.recall == (1.0, 0.0, 0.0)
    assert metrics(logits, np.array([1, 1]), NO_SCORES, CLASSES)["accuracy"] == 0.0


def test_score_metrics_are_those_of_scikit_learn_and_scipy() -> None:
    stream = np.random.default_rng(2)
    true = stream.uniform(-1, 1, size=200)
    guess = true + 0.3 * stream.normal(size=200)
    found = scored(true, guess, low=-1, high=1)
    assert found["mse"] == pytest.approx(reference.mean_squared_error(true, guess))
    assert found["mae"] == pytest.approx(reference.mean_absolute_error(true, guess))
    assert found["r2"] == pytest.approx(reference.r2_score(true, guess))
    assert found["pearson"] == pytest.approx(pearsonr(true, guess).statistic)
    assert found["spearman"] == pytest.approx(spearmanr(true, guess).statistic)


@pytest.mark.parametrize("constant", [0.1, 0.3, -1.0 / 3, 1e6])
def test_constant_scores_or_guesses_have_no_correlation_and_warn_nobody(constant: float) -> None:
    varied, flat = np.linspace(0, 1, 11), np.full(11, constant)
    for true, guess in ((varied, flat), (flat, varied), (flat, flat)):
        found = scored(true, guess, low=0, high=1)
        assert (found["pearson"], found["spearman"]) == (0.0, 0.0)
        assert all(map(math.isfinite, found.values()))
    assert scored(flat, varied, low=0, high=1)["r2"] == 0.0


@pytest.mark.parametrize(
    ("low", "high", "cut"), [(-1.0, 1.0, 0.0), (-0.2, 5.0, 0.0), (0.0, 1.0, 0.5), (1.0, 5.0, 3.0), (-9.0, -1.0, -5.0)]
)
def test_sign_accuracy_cuts_where_the_range_of_the_scores_says(low: float, high: float, cut: float) -> None:
    task = Task(has_score=True, score_low=low, score_high=high)
    assert middle(task) == cut
    true = np.array([low, low, high, high])
    guess = np.array([cut - 0.01, cut + 0.01, cut + 0.01, high])
    assert scored(true, guess, low=low, high=high)["sign_accuracy"] == 0.75


def test_calibration_error_equals_a_calculation_by_hand() -> None:
    # two bins: confidences 0.6, 0.7 (one of two right) and 0.9, 1.0 (both right)
    probabilities = np.array([[0.6, 0.4], [0.3, 0.7], [0.9, 0.1], [0.0, 1.0]])
    labels = np.array([0, 0, 0, 1])
    by_hand = 0.5 * abs(0.5 - 0.65) + 0.5 * abs(1.0 - 0.95)
    assert expected_calibration_error(probabilities, labels, bins=5) == pytest.approx(by_hand)


@given(st.integers(1, 60), st.integers(0, 1000), st.integers(1, 30))
def test_calibration_error_lies_between_zero_and_one(rows: int, number: int, bins: int) -> None:
    stream = np.random.default_rng(number)
    probabilities = stream.dirichlet([0.3, 0.3, 0.3], size=rows)
    assert 0 <= expected_calibration_error(probabilities, stream.integers(0, 3, size=rows), bins) <= 1


def test_a_task_with_both_reports_both() -> None:
    stream = np.random.default_rng(0)
    task = Task(classes=("a", "b"), has_score=True, score_low=-1, score_high=1)
    found = metrics(stream.normal(size=(20, 3)), stream.integers(0, 2, size=20), stream.normal(size=20), task)
    assert {"accuracy", "macro_f1", "ece", "mse", "mae", "r2", "pearson", "spearman", "sign_accuracy"} == set(found)
