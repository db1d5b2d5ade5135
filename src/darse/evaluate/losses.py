"""Logits and labels to one loss per example: the search's score, and what the verdict judges."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from darse.data.example import Task

Floats = NDArray[np.float64]
Metric = Literal["mse", "accuracy"]

_LARGEST_LOG_TEMPERATURE = math.log(20.0)


def verdict_metric(task: Task) -> Metric:
    """What the verdict is about: mean squared error where there is a score, else accuracy."""
    return "mse" if task.has_score else "accuracy"


def search_losses(logits: Floats, labels: NDArray[np.int64], scores: Floats, task: Task) -> Floats:
    """What the search minimises, one value per example.

    For classes the negative log-likelihood after one temperature fitted on these very rows: smooth, paired, blind
    to over-confidence. For a score its squared error in units of the training variance. For both their sum.

    Args:
        logits: Shape (rows, outputs); the score's column is standardised.
        labels: Class index per row.
        scores: Standardised score per row.
        task: What is predicted.
    """
    losses = np.zeros(len(logits))
    classes = len(task.classes)
    if classes:
        own = logits[:, :classes]
        losses += negative_log_likelihood(own / fit_temperature(own, labels), labels)
    if task.has_score:
        losses += (logits[:, classes] - scores) ** 2
    return losses


def metric_losses(logits: Floats, labels: NDArray[np.int64], scores: Floats, task: Task) -> Floats:
    """What the verdict compares, one value per example: squared error in the user's units squared, or 0/1 error."""
    classes = len(task.classes)
    if verdict_metric(task) == "mse":
        losses: Floats = (logits[:, classes] - scores) ** 2 * task.score_sd**2
        return losses
    errors: Floats = (logits[:, :classes].argmax(axis=1) != labels).astype(np.float64)
    return errors


def negative_log_likelihood(logits: Floats, labels: NDArray[np.int64]) -> Floats:
    """-log softmax(logits)[label] per row."""
    likelihood: Floats = -log_softmax(logits, axis=1)[np.arange(len(labels)), labels]
    return likelihood


def fit_temperature(logits: Floats, labels: NDArray[np.int64]) -> float:
    """The temperature that minimises the negative log-likelihood; source: Guo et al. 2017, arXiv 1706.04599.

    Kept within 1/20 and 20, so that perfectly separated rows do not drive it to 0.
    """

    def mean_loss(log_temperature: float) -> float:
        return float(negative_log_likelihood(logits / math.exp(log_temperature), labels).mean())

    bounds = (-_LARGEST_LOG_TEMPERATURE, _LARGEST_LOG_TEMPERATURE)
    found = minimize_scalar(mean_loss, bounds=bounds, method="bounded", options={"xatol": 1e-4})
    return math.exp(float(found.x))
