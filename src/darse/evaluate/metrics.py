"""Logits and labels to the metrics that people read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from darse.data.example import Task
from darse.evaluate.losses import Floats

_BINS = 15


@dataclass(frozen=True)
class ClassReport:
    """Quality by class.

    Attributes:
        precision: Per class.
        recall: Per class.
        f1: Per class.
        confusion: Rows are true classes, columns predicted ones.
    """

    precision: tuple[float, ...]
    recall: tuple[float, ...]
    f1: tuple[float, ...]
    confusion: tuple[tuple[int, ...], ...]


def metrics(logits: Floats, labels: NDArray[np.int64], scores: Floats, task: Task) -> dict[str, float]:
    """Metrics by name: accuracy, macro_f1, ece for classes; mse, mae, r2, pearson, spearman, sign_accuracy for a score.

    Args:
        logits: Shape (rows, outputs); the score's column is standardised.
        labels: Class index per row.
        scores: Standardised score per row.
        task: What is predicted; its mean and standard deviation give the user's units back.
    """
    found: dict[str, float] = {}
    classes = len(task.classes)
    if classes:
        found |= _class_metrics(logits[:, :classes], labels)
    if task.has_score:
        found |= _score_metrics(logits[:, classes], scores, task)
    return found


def class_report(logits: Floats, labels: NDArray[np.int64], task: Task) -> ClassReport:
    """Precision, recall and F1 of every class, and the confusion matrix."""
    known = list(range(len(task.classes)))
    predicted = logits[:, : len(known)].argmax(axis=1)
    precision, recall, f1, _ = precision_recall_fscore_support(labels, predicted, labels=known, zero_division=0.0)
    confusion = confusion_matrix(labels, predicted, labels=known)
    return ClassReport(
        tuple(map(float, precision)),
        tuple(map(float, recall)),
        tuple(map(float, f1)),
        tuple(tuple(map(int, row)) for row in confusion),
    )


def expected_calibration_error(probabilities: Floats, labels: NDArray[np.int64], bins: int = _BINS) -> float:
    """Mean gap between confidence and accuracy over equal bins of confidence; source: Guo et al. 2017, eq. 5.

    >>> expected_calibration_error(np.array([[0.0, 1.0]] * 2), np.array([1, 0]))
    0.5
    """
    confidence = probabilities.max(axis=1)
    is_right = probabilities.argmax(axis=1) == labels
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = (
        abs(float(is_right[place == one].mean()) - float(confidence[place == one].mean()))
        * float((place == one).mean())
        for one in np.unique(place)
    )
    return sum(gaps)


def middle(task: Task) -> float:
    """Where a score's sign changes: 0 if the training scores lie on both sides of it, else the middle of their range.

    >>> middle(Task(has_score=True, score_low=1, score_high=5))
    3.0
    """
    return 0.0 if task.score_low < 0 < task.score_high else (task.score_low + task.score_high) / 2


def _class_metrics(logits: Floats, labels: NDArray[np.int64]) -> Mapping[str, float]:
    predicted = logits.argmax(axis=1)
    _, _, f1, _ = precision_recall_fscore_support(labels, predicted, average="macro", zero_division=0.0)
    return {
        "accuracy": float((predicted == labels).mean()),
        "macro_f1": float(f1),
        "ece": expected_calibration_error(softmax(logits, axis=1), labels),
    }


def _score_metrics(predicted: Floats, true: Floats, task: Task) -> Mapping[str, float]:
    """Metrics in the user's units, of standardised scores."""
    # in the units of the truth: a score that lies on the middle must not leave it by rounding
    zero = (middle(task) - task.score_mean) / task.score_sd
    error = (predicted - true) * task.score_sd
    mse = float((error**2).mean())
    varies = _varies(true) and _varies(predicted)
    return {
        "mse": mse,
        "mae": float(np.abs(error).mean()),
        "r2": 1 - mse / float(true.var() * task.score_sd**2) if _varies(true) else 0.0,
        "pearson": float(pearsonr(predicted, true).statistic) if varies else 0.0,
        "spearman": float(spearmanr(predicted, true).statistic) if varies else 0.0,
        "sign_accuracy": float(((predicted > zero) == (true > zero)).mean()),
    }


def _varies(values: Floats) -> bool:
    """Whether values differ by more than rounding does; a correlation with others has no meaning."""
    return float(np.ptp(values)) > 1e-12 * float(np.abs(values).max())
