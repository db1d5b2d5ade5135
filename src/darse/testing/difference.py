"""Two cells of the same rows to their paired difference, with interval, test and the examples that flipped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest, false_discovery_control, ttest_rel

from darse.data.labelled import LabelledRow
from darse.evaluate.losses import Floats
from darse.evaluate.paired import RESAMPLES, paired_effect
from darse.insight.intervals import Interval
from darse.testing.dataset import Dataset
from darse.testing.quality import FEW_ROWS, Judged
from darse.testing.slices import Slice

_SEED = 0
_DRAWS = 40_000_000
"""Rows drawn for one interval at the most: a second or two of work."""
_FEWEST_RESAMPLES = 200


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better the second of two entries is than the first, on the same rows.

    Attributes:
        metric: What is compared: `accuracy`, `mse` or `mae`.
        effect: The gain: accuracy added, or error taken away; above 0 the second is better. With its 95 % interval.
        p: Of no difference: McNemar's exact test for accuracy, the paired t test for errors; 1 where nothing differs.
        rows: How many.
        gained: Rows that only the second has right; for errors, rows where its error is smaller.
        lost: Rows that only the first has right; for errors, rows where the second's error is larger.
    """

    metric: str
    effect: Interval
    p: float
    rows: int
    gained: int
    lost: int


@dataclass(frozen=True, slots=True)
class SliceDifference:
    """The difference on a slice.

    Attributes:
        by: What the rows are sliced by.
        value: What is true of these rows.
        difference: On these rows.
        q: The p value corrected for all slices (Benjamini and Hochberg).
    """

    by: str
    value: str
    difference: Difference
    q: float

    @property
    def is_small(self) -> bool:
        """Whether there are too few rows to go by."""
        return self.difference.rows < FEW_ROWS


@dataclass(frozen=True, slots=True)
class Flip:
    """A row that one entry has right and the other not; for scores, a row with another error.

    Attributes:
        row: The row.
        before: What the first said.
        after: What the second said.
        change: What the loss has fallen by; below 0 the row got worse.
    """

    row: LabelledRow
    before: str
    after: str
    change: float


def difference_of(first: Floats, second: Floats, metric: str) -> Difference:
    """Compare two entries by their losses on the same rows.

    The interval is that of `paired_effect`, which never closes up where two entries agree on nearly every row.
    McNemar's exact test takes the rows on which one is right and the other wrong, and asks how likely a coin shares
    them out so (McNemar 1947, Psychometrika 12).

    Args:
        first: Losses of the first, shape (rows,).
        second: Losses of the second.
        metric: What they are losses of.

    >>> found = difference_of(np.array([1.0] * 6 + [0.0] * 94), np.zeros(100), "accuracy")
    >>> found.gained, found.lost, found.p
    (6, 0, 0.03125)
    """
    found = paired_effect(second[None, :], first[None, :], seed=_SEED, resamples=resamples_for(len(first)))
    gained, lost = int((second < first).sum()), int((second > first).sum())
    if metric == "accuracy":
        p = float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0
    else:
        p = float(ttest_rel(first, second).pvalue) if len(first) > 1 and np.ptp(first - second) > 0 else 1.0
    return Difference(metric, Interval(found.mean, found.low, found.high), p, len(first), gained, lost)


def resamples_for(rows: int, most: int = RESAMPLES) -> int:
    """How many resamples an interval gets: with many rows its shape is that of a bell, and few show it.

    >>> resamples_for(1_000), resamples_for(1_000_000)
    (4000, 200)
    """
    return min(most, max(_FEWEST_RESAMPLES, _DRAWS // rows))


def slice_differences(first: Judged, second: Judged, slices: Sequence[Slice], metric: str) -> list[SliceDifference]:
    """The difference on each slice, its p values corrected for their number.

    Source: Benjamini and Hochberg 1995, J. R. Stat. Soc. B 57.
    """
    losses = first.losses(metric), second.losses(metric)
    found = [difference_of(losses[0][one.places], losses[1][one.places], metric) for one in slices]
    if not found:
        return []
    corrected = false_discovery_control([one.p for one in found])
    return [
        SliceDifference(part.by, part.value, one, float(q))
        for part, one, q in zip(slices, found, corrected, strict=True)
    ]


def flips_of(first: Judged, second: Judged, data: Dataset, metric: str) -> list[Flip]:
    """The rows on which the two differ in their loss, the largest change first.

    For classes these are the rows that only one of them has right; the surer the wrong answer, the earlier.
    """
    before, after = first.losses(metric), second.losses(metric)
    change = before - after
    said = _words(first, metric), _words(second, metric)
    doubt = _confidence(first, metric) + _confidence(second, metric)
    places = np.flatnonzero(change)
    order = sorted(places.tolist(), key=lambda at: (-abs(float(change[at])), -float(doubt[at]), at))
    return [Flip(data.rows[at], said[0][at], said[1][at], float(change[at])) for at in order]


def _words(judged: Judged, metric: str) -> list[str]:
    if metric == "accuracy":
        return judged.cell.labels
    return [f"{score:.4g}" for score in judged.cell.scores]


def _confidence(judged: Judged, metric: str) -> Floats:
    """Probability of the class that is said; the same for all rows where scores are compared."""
    count = len(judged.cell.classes)
    if metric != "accuracy" or not count:
        return np.zeros(len(judged))
    found: Floats = judged.cell.answers[:, :count].max(axis=1)
    return found
