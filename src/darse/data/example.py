"""What every later room knows of the data: examples, the task they set, and the three splits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

SplitName = Literal["train", "valid", "test"]


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled text.

    Attributes:
        line: Where it stood in its source, counted from 1 (the header of a CSV is line 1).
        text: The text, not empty.
        target: The entity whose sentiment is asked for, or None.
        label: Index of the class in `Task.classes`, or None.
        score: The score in the user's own units, finite, or None.
    """

    line: int
    text: str
    target: str | None = None
    label: int | None = None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """What is predicted: classes, a score, or both.

    The head has one row per class and, after them, one row for the score.

    Attributes:
        classes: Names of the classes in the order of the head's rows; empty for a score alone.
        has_score: Whether a score is predicted.
        has_target: Whether each text comes with a target, encoded as a text pair.
        score_mean: Mean of the training scores, in the user's units; the head learns standardised scores.
        score_sd: Their standard deviation, above 0.
        score_low: Smallest score seen in training.
        score_high: Largest score seen in training.
    """

    classes: tuple[str, ...] = ()
    has_score: bool = False
    has_target: bool = False
    score_mean: float = 0.0
    score_sd: float = 1.0
    score_low: float = 0.0
    score_high: float = 0.0

    @property
    def outputs(self) -> int:
        """Rows of the head: one per class, and one for the score.

        >>> Task(classes=("negative", "positive"), has_score=True).outputs
        3
        """
        return len(self.classes) + int(self.has_score)


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column of the source plays which part; None where there is none."""

    text: str
    label: str | None = None
    score: str | None = None
    target: str | None = None
    split: str | None = None
    group: str | None = None
    guessed: tuple[str, ...] = ()
    """Parts ("text", "label", ...) that were guessed rather than named by the user."""
    decimal_mark: Literal[".", ","] = "."
    """What stands before the decimals of a score that is written as text."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was left out, and why."""

    line: int
    reason: str


@dataclass(frozen=True)
class DataCheck:
    """What was found in the source: printed, kept as data-check.json and shown in the report.

    Attributes:
        source: Name of the file or hub data set as the user gave it.
        columns: The columns used.
        rows: Data rows read, rejected ones counted.
        kept: Rows kept after rejection and removal of duplicates.
        rejected: How many were left out because they cannot be used, by reason.
        rejected_rows: The first hundred of them, with line and reason.
        duplicates: Rows left out because the same text (and target) stood before.
        conflicts: Rows left out because the same text carries different labels.
        split_rows: Rows of each split.
        split_origin: "official" or "made" (stratified, from the seed).
        class_counts: Rows of each class in each split.
        score_quantiles: Minimum, quartiles and maximum of the kept scores; empty without a score.
        warnings: Plain sentences about things worth a look (imbalance, few rows, ...).
        unused: Columns of the source that play no part.
        how_read: The separator and the encoding of a file, each if it is not what the file's name promises.
        tokens: Filled in once a tokenizer is known: median, 95th percentile, maximum, limit, truncated rows.
    """

    source: str
    columns: Columns
    rows: int
    kept: int
    rejected: dict[str, int]
    rejected_rows: tuple[Rejected, ...]
    duplicates: int
    conflicts: int
    split_rows: dict[str, int]
    split_origin: str
    class_counts: dict[str, dict[str, int]] = field(default_factory=dict)
    score_quantiles: tuple[float, ...] = ()
    warnings: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    how_read: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class LabelledData:
    """A whole labelled data set, split.

    Attributes:
        task: What is predicted.
        train: Examples to learn from.
        valid: Examples to choose by.
        test: Examples to judge by, once.
        digest: SHA-256 over the task and every example of every split, in order.
        check: What was found on the way.
    """

    task: Task
    train: tuple[Example, ...]
    valid: tuple[Example, ...]
    test: tuple[Example, ...]
    digest: str
    check: DataCheck

    def split(self, name: SplitName) -> tuple[Example, ...]:
        """The examples of one split."""
        return {"train": self.train, "valid": self.valid, "test": self.test}[name]
