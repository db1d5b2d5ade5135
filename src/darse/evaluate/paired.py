"""Two plans' losses on the same seeds and examples to an effect with an interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from darse.evaluate.losses import Floats
from darse.seeds import numpy_stream

RESAMPLES = 10_000
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Effect:
    """How much lower the first plan's loss is.

    Attributes:
        mean: Mean of (control loss - plan loss); above 0 means that the plan is better.
        low: Lower end of the 95 % interval.
        high: Upper end.
    """

    mean: float
    low: float
    high: float


def paired_effect(plan: Floats, control: Floats, *, seed: int, resamples: int = RESAMPLES) -> Effect:
    """Bootstrap of seeds and, within them, of examples, on paired differences.

    Seeds and examples are crossed (every seed judges the same examples), so both are drawn with replacement and a
    resample weighs each cell by the product of its draws: the pigeonhole bootstrap (Owen 2007, The pigeonhole
    bootstrap, Annals of Applied Statistics 1, eq. 4). With few seeds the plain bootstrap sees too little of their
    spread, by (S - 1) / S; the seeds' deviations are widened by the square root of its inverse.

    Args:
        plan: Losses of the plan, shape (seeds, examples).
        control: Losses of the control on the same seeds and examples.
        seed: Of the resampling.
        resamples: How many.
    """
    assert plan.shape == control.shape, "paired losses have one shape"
    difference = control - plan
    seeds, examples = difference.shape
    mean = float(difference.mean())
    if seeds > 1:
        deviation = difference.mean(axis=1, keepdims=True) - mean
        difference = difference + deviation * (np.sqrt(seeds / (seeds - 1)) - 1)
    stream = numpy_stream(seed, "bootstrap")
    means = np.empty(resamples)
    for start in range(0, resamples, _CHUNK):
        count = min(_CHUNK, resamples - start)
        by_seed = stream.multinomial(seeds, np.full(seeds, 1 / seeds), size=count) / seeds
        by_example = stream.multinomial(examples, np.full(examples, 1 / examples), size=count) / examples
        means[start : start + count] = np.einsum("bs,sn,bn->b", by_seed, difference, by_example, optimize=True)
    low, high = np.percentile(means, [2.5, 97.5])
    return Effect(mean, float(low), float(high))


def mean_interval(losses: Floats, *, seed: int, resamples: int = 2000) -> tuple[float, float]:
    """95 % bootstrap interval of the mean over examples, for losses of shape (examples,)."""
    stream = numpy_stream(seed, "interval")
    draws = stream.multinomial(len(losses), np.full(len(losses), 1 / len(losses)), size=resamples)
    low, high = np.percentile(draws @ losses / len(losses), [2.5, 97.5])
    return float(low), float(high)
