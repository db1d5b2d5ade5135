"""Two samples to what differs between them beyond chance, in sizes that matter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from darse.evaluate.losses import Floats
from darse.evaluate.sample import Sample, Words

Column = Literal["label", "score", "confidence", "tokens", "unknown"]
LEVEL = 0.05
"""Part of the windows of unchanged traffic in which anything at all may be called drift."""
SMALLEST_EFFECT = 0.1
"""A smaller distance is left alone, however sure: with enough texts any two days differ."""
FEWEST_TEXTS = 30
"""Below that a sample says too little to be compared."""
_SMALL_CELL = 5
_RESAMPLES = 2000
COLUMNS: dict[Column, str] = {
    "label": "mix of labels",
    "score": "scores",
    "confidence": "confidence",
    "tokens": "length of texts",
    "unknown": "part of unknown tokens",
}
"""What is compared, in words."""


@dataclass(frozen=True)
class Drift:
    """How one column of two samples differs.

    Attributes:
        column: Which one.
        effect: Distance, 0 to 1: of the label mixes the total variation, of scores, confidence and lengths that of
            Kolmogorov and Smirnov, of unknown tokens the difference of the chances that one text has more than another.
        p: How often chance alone would differ so much, corrected for the number of columns (Holm 1979).
        before: Of the reference: its mean, or the part of its most frequent label.
        after: The same of the sample.
    """

    column: Column
    effect: float
    p: float
    before: float
    after: float

    @property
    def is_shown(self) -> bool:
        """Whether it is beyond chance and of a size that matters."""
        return self.p < LEVEL and self.effect >= SMALLEST_EFFECT


def compare(reference: Sample, sample: Sample) -> list[Drift]:
    """How a sample differs from the reference, column by column; none where either has too few texts.

    Args:
        reference: What is usual.
        sample: What is looked at.
    """
    if min(len(reference), len(sample)) < FEWEST_TEXTS:
        return []
    found = [_labels(reference.label, sample.label)] if len(reference.label) and len(sample.label) else []
    for column, test in _TESTS.items():
        before, after = getattr(reference, column), getattr(sample, column)
        if len(before) and len(after):
            effect, p = test(before, after)
            found.append(Drift(column, effect, p, float(before.mean()), float(after.mean())))
    return _corrected(found)


def _labels(before: Words, after: Words) -> Drift:
    """The chi-squared test of two mixes; by resampling where a cell is small (its approximation fails there)."""
    names = sorted({*before.tolist(), *after.tolist()})
    table = np.array([[np.count_nonzero(side == name) for name in names] for side in (before, after)])
    shares = table / table.sum(axis=1, keepdims=True)
    top = int(table[0].argmax())
    effect = float(np.abs(shares[0] - shares[1]).sum() / 2)
    p = 1.0
    if len(names) > 1:
        is_small = stats.contingency.expected_freq(table).min() < _SMALL_CELL
        by = stats.PermutationMethod(n_resamples=_RESAMPLES, rng=np.random.default_rng(0)) if is_small else None
        p = float(stats.chi2_contingency(table, correction=False, method=by).pvalue)
    return Drift("label", effect, p, float(shares[0, top]), float(shares[1, top]))


def _distance(before: Floats, after: Floats) -> tuple[float, float]:
    found = stats.ks_2samp(before, after)
    return float(found.statistic), float(found.pvalue)


def _ranks(before: Floats, after: Floats) -> tuple[float, float]:
    """For figures most of which are equal: ranks, with a correction for ties."""
    if before.min() == before.max() == after.min() == after.max():
        return 0.0, 1.0
    found = stats.mannwhitneyu(before, after, method="asymptotic")
    return float(abs(2 * found.statistic / (len(before) * len(after)) - 1)), float(found.pvalue)


_TESTS: dict[Column, Callable[[Floats, Floats], tuple[float, float]]] = {
    "score": _distance,
    "confidence": _distance,
    "tokens": _distance,
    "unknown": _ranks,
}


def _corrected(found: list[Drift]) -> list[Drift]:
    """Holm's correction: the chance that any column at all is called drift stays at the level."""
    order = sorted(range(len(found)), key=lambda place: found[place].p)
    corrected, highest = dict[int, float](), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min((len(found) - rank) * found[place].p, 1.0))
        corrected[place] = highest
    return [Drift(one.column, one.effect, corrected[place], one.before, one.after) for place, one in enumerate(found)]
