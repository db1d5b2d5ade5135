"""A cell and the rows' labels to figures: metrics with their 95 % intervals, of all rows or of some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.stats import pearsonr

from darse.data.example import Task
from darse.evaluate.losses import Floats, Metric
from darse.evaluate.metrics import metrics, middle
from darse.insight.intervals import Interval, mean_interval, share_interval
from darse.seeds import numpy_stream
from darse.testing.cells import Cell
from darse.testing.dataset import Dataset

METRICS = ("accuracy", "macro_f1", "ece", "mse", "mae", "r2", "pearson", "spearman", "sign_accuracy")
LOWER_IS_BETTER = frozenset({"ece", "mse", "mae"})
FEW_ROWS = 30
"""With fewer rows a figure is marked: its interval is wide, and what it says may be chance."""
_RESAMPLES = 2000
_TAILS = (2.5, 97.5)
_SMALLEST = 1e-300
"""Stands for a probability of 0, whose logarithm is none."""


@dataclass(frozen=True, eq=False)
class Judged:
    """A cell beside what is true.

    Attributes:
        cell: What was answered.
        task: What is judged: classes, a score, or both; scores are in the user's units.
        labels: Place of the true class of each row in the cell's classes; zeros without classes.
        scores: The true score of each row, in the user's units; zeros without a score.
    """

    cell: Cell
    task: Task
    labels: NDArray[np.int64]
    scores: Floats

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def metric(self) -> Metric:
        """What pairs are compared by: accuracy where there are classes, else mean squared error."""
        return "accuracy" if self.task.classes else "mse"

    @cached_property
    def logits(self) -> Floats:
        """The answers as the metrics take them: logarithms of probabilities, then the score."""
        count = len(self.cell.classes)
        chances = np.log(np.maximum(self.cell.answers[:, :count], _SMALLEST))
        parts = [
            *([chances] if self.task.classes else []),
            *([self.cell.scores[:, None]] if self.task.has_score else []),
        ]
        logits: Floats = np.concatenate(parts, axis=1)
        return logits

    def losses(self, metric: str | None = None) -> Floats:
        """Loss of each row: 0 or 1 for accuracy, the squared error for mse, the error's size for mae, shape (rows,)."""
        metric = metric or self.metric
        if metric == "accuracy":
            wrong: Floats = (self.cell.predicted != self.labels).astype(np.float64)
            return wrong
        error: Floats = self.cell.scores - self.scores
        return error**2 if metric == "mse" else np.abs(error)


def judge_cell(cell: Cell, data: Dataset) -> Judged:
    """Put a cell beside the labels of its rows; that they fit was seen when it was computed."""
    known = cell.facts.task
    classes = known.classes if data.has_label else ()
    has_score = known.has_score and data.has_score
    places = {name: place for place, name in enumerate(classes)}
    labels = np.array([places.get(row.label or "", 0) for row in data.rows], dtype=np.int64)
    scores = np.array([row.score or 0.0 for row in data.rows], dtype=np.float64)
    ends = (float(scores.min()), float(scores.max())) if has_score else (0.0, 0.0)
    task = Task(classes=classes, has_score=has_score, score_low=ends[0], score_high=ends[1])
    return Judged(cell, task, labels, scores)


def figures(
    judged: Judged, places: NDArray[np.intp] | None = None, *, wanted: Sequence[str] = METRICS
) -> dict[str, Interval]:
    """Metrics by name, each with its interval; of ece, r2 and spearman there is none.

    Args:
        judged: The cell beside what is true.
        places: Which rows, at least one; None for all.
        wanted: Names of the metrics; those that do not apply are left out.
    """
    at = slice(None) if places is None else places
    logits, labels, scores = judged.logits[at], judged.labels[at], judged.scores[at]
    found = metrics(logits, labels, scores, judged.task)
    return {name: _with_interval(name, found, logits, labels, scores, judged) for name in wanted if name in found}


def _with_interval(
    name: str, found: Mapping[str, float], logits: Floats, labels: NDArray[np.int64], scores: Floats, judged: Judged
) -> Interval:
    value, rows, count = found[name], len(labels), len(judged.task.classes)
    if name == "accuracy":
        return share_interval(round(value * rows), rows)
    if name == "macro_f1":
        return _f1_interval(value, labels, logits[:, :count].argmax(axis=1), count)
    said = logits[:, count] if judged.task.has_score else scores
    if name == "mse":
        return mean_interval((said - scores) ** 2)
    if name == "mae":
        return mean_interval(np.abs(said - scores))
    if name == "sign_accuracy":
        zero = middle(judged.task)
        return share_interval(int(((said > zero) == (scores > zero)).sum()), rows)
    if name == "pearson" and rows >= 4 and np.ptp(said) > 0 and np.ptp(scores) > 0:
        ends = pearsonr(said, scores).confidence_interval(0.95)
        return Interval(value, float(ends.low), float(ends.high))
    return Interval(value)


def _f1_interval(value: float, labels: NDArray[np.int64], predicted: NDArray[np.int64], count: int) -> Interval:
    """The bootstrap interval of macro F1; drawing rows is drawing the counts of the confusion matrix.

    Classes that a draw does not hold are left out of its mean, as they are of the metric's own.
    """
    rows = len(labels)
    pairs = np.bincount(labels * count + predicted, minlength=count * count)
    drawn = numpy_stream(0, "f1", rows).multinomial(rows, pairs / rows, size=_RESAMPLES).reshape(-1, count, count)
    right, true, said = drawn.diagonal(axis1=1, axis2=2), drawn.sum(axis=2), drawn.sum(axis=1)
    is_there = true + said > 0
    f1 = 2 * right / np.maximum(true + said, 1)
    low, high = np.percentile(f1.sum(axis=1) / is_there.sum(axis=1), _TAILS)
    return Interval(value, min(value, float(low)), max(value, float(high)))
