"""Losses of baseline and candidate to what they prove: passed, failed, or undecided for want of rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import ndtri
from scipy.stats import binomtest, ttest_rel

from darse.evaluate.losses import Floats
from darse.evaluate.paired import Estimate, paired_effect
from darse.testing.difference import resamples_for
from darse.testing.policy import Mode

Outcome = Literal["passed", "failed", "undecided"]
DEFAULT_ALPHAS: Mapping[Mode, float] = {"not_worse": 0.05, "regression": 0.025}
"""A drop of the margin passes in one of twenty cases; an equal candidate fails in one of forty."""
_POWERS: Mapping[Mode, float] = {"not_worse": 0.95, "regression": 0.9}
"""How often a candidate that equals the baseline is to pass, and how often a drop of the margin is to be seen, before
rows are told to be too few."""
DEFAULT_MARGIN = 0.02
_DEFAULT_PART = 0.1
_SEED = 0
_RESAMPLES = 1000
"""They give the interval its shape alone, and not its width."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """How a candidate stands to its baseline on the same rows.

    Attributes:
        effect: How much better the candidate is, with the interval whose lower end decides `not_worse`.
        p: One-sided, that a candidate no worse than the baseline looks as bad as this one.
        margin: What counts as not worse, in the metric's units.
        alphas: How often the error that a mode controls may be made.
        rows: How many rows there are.
        needed: About how many rows would decide, by mode, given how often the two differ.
    """

    effect: Estimate
    p: float
    margin: float
    alphas: Mapping[Mode, float]
    rows: int
    needed: Mapping[Mode, int]

    def outcome(self, mode: Mode) -> Outcome:
        """What the evidence says in a mode.

        `not_worse` asks for proof: the candidate passes only if the lower end of the one-sided interval of its gain
        lies above minus the margin. One that is worse by the margin or more passes with probability alpha at the most,
        however few the rows; an equal one is undecided where they are few. `regression` asks for proof of the contrary:
        the candidate fails only if it is shown to be worse (McNemar's exact test, or the paired t test). An equal one
        fails with probability alpha at the most, however few the rows; where a drop of the margin would be seen less
        often than in nine of ten cases, the rows cannot tell.
        """
        is_worse = self.p <= self.alphas[mode]
        if mode == "not_worse":
            return "passed" if self.effect.low > -self.margin else "failed" if is_worse else "undecided"
        return "failed" if is_worse else "undecided" if self.rows < self.needed[mode] else "passed"


def evidence_of(
    baseline: Floats, candidate: Floats, metric: str, *, margin: float | None = None, alpha: float | None = None
) -> Evidence:
    """What two entries' losses on the same rows say about the second taking the first one's place.

    Args:
        baseline: Losses, shape (rows,).
        candidate: Losses on the same rows.
        metric: What they are losses of.
        margin: In the metric's units; None for the default.
        alpha: How often the error that a mode controls may be made; None for the default.
    """
    alphas = {mode: default if alpha is None else alpha for mode, default in DEFAULT_ALPHAS.items()}
    wide, resamples = _margin(margin, baseline, metric), resamples_for(len(baseline), _RESAMPLES)
    level = 1 - 2 * alphas["not_worse"]
    difference = candidate - baseline
    return Evidence(
        effect=paired_effect(candidate[None, :], baseline[None, :], seed=_SEED, resamples=resamples, level=level),
        p=worse_p(baseline, candidate, metric),
        margin=wide,
        alphas=alphas,
        rows=len(baseline),
        needed={
            mode: rows_needed(difference, wide, metric, alpha=alphas[mode], power=power)
            for mode, power in _POWERS.items()
        },
    )


def worse_p(baseline: Floats, candidate: Floats, metric: str) -> float:
    """The one-sided p value of the candidate being worse; 1 where the two do not differ."""
    if metric == "accuracy":
        lost, gained = int((candidate > baseline).sum()), int((candidate < baseline).sum())
        return float(binomtest(lost, lost + gained, alternative="greater").pvalue) if lost + gained else 1.0
    if len(baseline) < 2 or np.ptp(candidate - baseline) == 0:
        return 1.0
    return float(ttest_rel(candidate, baseline, alternative="greater").pvalue)


def rows_needed(difference: Floats, margin: float, metric: str, *, alpha: float, power: float) -> int:
    """About how many rows show a difference of the margin: (z(1 - alpha) + z(power))^2 variance / margin^2.

    The variance is that of the differences seen, for accuracy with a row more of each kind, and no less than that of a
    change of the margin itself: two entries that agree on all rows of a small file will not agree on every later one.

    Args:
        difference: Of the losses, shape (rows,).
        margin: The difference to show.
        metric: What they are losses of.
        alpha: One-sided.
        power: How often.

    >>> rows_needed(np.zeros(10_000), 0.02, "accuracy", alpha=0.05, power=0.9)
    420
    """
    is_accuracy = metric == "accuracy"
    least = margin * (1 - margin) if is_accuracy and margin < 1 else margin**2
    seen = np.concatenate([difference, [1.0, -1.0]]) if is_accuracy else difference
    z = float(ndtri(1 - alpha) + ndtri(power))
    return math.ceil(z * z * max(float(seen.var()), least) / margin**2)


def _margin(margin: float | None, baseline: Floats, metric: str) -> float:
    if margin is not None:
        return margin
    return DEFAULT_MARGIN if metric == "accuracy" else max(_DEFAULT_PART * float(baseline.mean()), 1e-12)
