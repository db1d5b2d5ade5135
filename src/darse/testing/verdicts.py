"""Losses of baseline and candidate to one judgement: passed, failed, or undecided for want of rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import ndtri
from scipy.stats import binomtest, ttest_rel

from darse.evaluate.losses import Floats
from darse.evaluate.paired import Estimate, paired_effect
from darse.testing.policy import Mode

Outcome = Literal["passed", "failed", "undecided"]
POWER = 0.9
"""How often a regression of the size of the margin is to be seen, before few rows are told to be too few."""
_PASSING = 0.95
"""How often a candidate that equals the baseline is to be passed, before few rows are told to be too few."""
DEFAULT_MARGIN = 0.02
_DEFAULT_PART = 0.1
_SEED = 0


@dataclass(frozen=True, slots=True)
class Judgement:
    """How a candidate stands to its baseline.

    Attributes:
        outcome: `passed`, `failed` or `undecided`.
        effect: How much better the candidate is, with the interval whose lower end decides `not_worse`.
        p: One-sided, that a candidate no worse than the baseline looks as bad as this one.
        margin: What counted as not worse.
        rows: How many rows there were.
        needed: About how many rows would decide, given how often the two differ.
    """

    outcome: Outcome
    effect: Estimate
    p: float
    margin: float
    rows: int
    needed: int


def judge_pair(
    baseline: Floats, candidate: Floats, metric: str, *, mode: Mode, margin: float | None, alpha: float
) -> Judgement:
    """Whether a candidate may take its baseline's place, by their losses on the same rows.

    `not_worse` asks for proof: the candidate passes only if the lower end of the one-sided interval of its gain lies
    above minus the margin. A candidate that is worse by the margin or more passes with probability alpha at the most,
    however few the rows; an equal one is undecided where they are few. `regression` asks for proof of the contrary: the
    candidate fails only if it is shown to be worse (McNemar's exact test, or the paired t test). An equal candidate
    fails with probability alpha at the most, however few the rows; where a drop of the margin would be seen less often
    than in nine of ten cases, the rows cannot tell.

    Args:
        baseline: Losses, shape (rows,).
        candidate: Losses on the same rows.
        metric: What they are losses of.
        mode: Which proof is asked for.
        margin: In the metric's units; None for the default.
        alpha: How often the error that the mode controls may be made.
    """
    wide = _margin(margin, baseline, metric)
    effect = paired_effect(candidate[None, :], baseline[None, :], seed=_SEED, level=1 - 2 * alpha)
    p = worse_p(baseline, candidate, metric)
    power = _PASSING if mode == "not_worse" else POWER
    needed = rows_needed(candidate - baseline, wide, metric, alpha=alpha, power=power)
    if mode == "not_worse":
        outcome: Outcome = "passed" if effect.low > -wide else "failed" if p <= alpha else "undecided"
    else:
        outcome = "failed" if p <= alpha else "undecided" if len(baseline) < needed else "passed"
    return Judgement(outcome, effect, p, wide, len(baseline), needed)


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
