"""Two models' outputs on the same rows to how far they agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from darse.data.example import Task
from darse.evaluate.losses import Floats

EQUAL_LABELS = 0.995
"""Least part of the rows that has to keep its label."""
SCORE_DIFFERENCE = 0.01
"""Largest mean difference of scores that passes, as a part of half their range in training: 0.01 on a scale from -1 to
1."""


@dataclass(frozen=True)
class Agreement:
    """How far a faster model agrees with the exact one.

    Attributes:
        rows: How many rows were compared.
        equal_labels: Part of them with the same label; None without classes.
        score_difference: Mean absolute difference of scores, as a part of half their range in training; None without.
    """

    rows: int
    equal_labels: float | None = None
    score_difference: float | None = None

    @classmethod
    def between(cls, exact: Floats, fast: Floats, task: Task) -> Agreement:
        """Compare logits in the user's units, each of shape (rows, outputs)."""
        classes = len(task.classes)
        equal = exact[:, :classes].argmax(1) == fast[:, :classes].argmax(1) if classes else None
        difference = np.abs(exact[:, classes] - fast[:, classes]) if task.has_score else None
        half = (task.score_high - task.score_low) / 2 or 2 * task.score_sd
        return cls(
            len(exact),
            None if equal is None else float(equal.mean()),
            None if difference is None else float(difference.mean() / half),
        )

    @property
    def holds(self) -> bool:
        """Whether the faster model may stand for the exact one."""
        is_equal = self.equal_labels is None or self.equal_labels >= EQUAL_LABELS
        return is_equal and (self.score_difference is None or self.score_difference <= SCORE_DIFFERENCE)

    def __str__(self) -> str:
        """In words, as a sentence goes on."""
        labels = [] if self.equal_labels is None else [f"{self.equal_labels:.2%} of the labels equal"]
        scores = [] if self.score_difference is None else [f"scores {self.score_difference:.4f} apart on average"]
        return f"{', '.join(labels + scores)} on {self.rows:,} rows"
