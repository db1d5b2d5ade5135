"""Losses over seeds and examples to a mean with an interval: of one plan, or of the difference of two."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit

from darse.seeds import numpy_stream

if TYPE_CHECKING:  # a search starts faster without what the losses need
    from darse.evaluate.losses import Floats

RESAMPLES = 4_000
"""They give the shape alone, not the width, so a few thousand do."""
_TAILS = (2.5, 97.5)
_EACH_WAY = (-1.0, 1.0)
_ONE_OF_EACH = (0.0, 1.0)
_CELLS = 2_000_000
"""Draws held at once; a large data set takes more turns and not more memory."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over seeds and examples.

    Attributes:
        mean: The mean.
        low: Lower end of the 95 % interval.
        high: Upper end.
    """

    mean: float
    low: float
    high: float


def paired_effect(
    plan: Floats, control: Floats, *, seed: int, resamples: int = RESAMPLES, level: float = 0.95
) -> Estimate:
    """How much lower a plan's loss is than a control's: mean of (control loss - plan loss), above 0 if it is better.

    Where losses are 0 or 1, two plans often agree on all rows of a small file, and nothing varies; the interval is then
    that of the rows and of two more, one that speaks for each side (Bonett and Price 2012, Journal of Educational and
    Behavioral Statistics 37, 479-488), so that it never closes up.

    Args:
        plan: Losses of the plan, shape (seeds, examples).
        control: Losses of the control on the same seeds and examples.
        seed: Of the resampling.
        resamples: How many.
        level: How often the interval should hold the truth.
    """
    assert plan.shape == control.shape, "paired losses have one shape"
    if not (_is_zero_one(plan) and _is_zero_one(control)):
        return _crossed_mean(control - plan, seed, resamples, level)
    return _bounded_mean(control - plan, _EACH_WAY, seed, resamples, level)


def loss_level(losses: Floats, *, seed: int) -> Estimate:
    """Mean loss of a plan, with its interval.

    Where losses are 0 or 1, the interval is that of the rows and of one more of each kind (Laplace's rule of
    succession): a small file without a mistake is no proof that there will be none.

    Args:
        losses: Shape (seeds, examples).
        seed: Of the resampling.
    """
    if not _is_zero_one(losses):
        return _crossed_mean(losses, seed)
    return _bounded_mean(losses, _ONE_OF_EACH, seed)


def _crossed_mean(values: Floats, seed: int, resamples: int = RESAMPLES, level: float = 0.95) -> Estimate:
    """Hierarchical bootstrap over seeds and examples, its width corrected for few seeds.

    Seeds and examples are crossed (every seed judges the same examples), so both are drawn with replacement and a
    resample weighs each cell by the product of its draws: the pigeonhole bootstrap (Owen 2007, The pigeonhole
    bootstrap, Annals of Applied Statistics 1, eq. 4). It gives the interval its shape, but not its width: it counts
    the variance of a single cell three times, and knows nothing of how little two or three seeds say. The width is
    that of a t interval on the crossed mean squares of the S x N values, between seeds A, between examples B
    and of the rest E (Searle, Casella and McCulloch 1992, Variance Components, ch. 4; Satterthwaite 1946, Biometrics
    Bulletin 2):

        variance = V / (S N),  V = A + B - min(A, B, E),  degrees of freedom = V^2 / (A^2 / (S - 1) + B^2 / (N - 1))

    benchmarks/verdict_calibration.py prints its coverage. With one seed the spread of seeds is unknown and only that
    of the examples is in the interval.

    Args:
        values: Shape (seeds, examples).
        seed: Of the resampling.
        resamples: How many.
        level: How often the interval should hold the truth.
    """
    mean = float(values.mean())
    width = _half_width(values, level)
    tail = 50 * (1 - level)
    low, high = map(float, np.percentile(_pigeonhole_means(values - mean, seed, resamples), (tail, 100 - tail)))
    if not (width > 0 and low < 0 < high):
        return Estimate(mean, mean - width, mean + width)
    scale = 2 * width / (high - low)
    return Estimate(mean, mean + scale * low, mean + scale * high)


def mean_intervals(losses: Floats, *, seed: int, resamples: int = 2000) -> list[tuple[float, float]]:
    """95 % bootstrap intervals of several means over the same examples, for losses of shape (means, examples).

    All share their draws, which is what takes the time.
    """
    draws = _draws(losses.shape[1], seed, "interval", resamples)
    means = np.concatenate([counts @ losses.T for counts in draws]) / losses.shape[1]
    lows, highs = np.percentile(means, _TAILS, axis=0)
    return list(zip(lows.tolist(), highs.tolist(), strict=True))


def _is_zero_one(losses: Floats) -> bool:
    return bool(((losses == 0) | (losses == 1)).all())


def _bounded_mean(
    values: Floats, more: tuple[float, ...], seed: int, resamples: int = RESAMPLES, level: float = 0.95
) -> Estimate:
    """The mean of values, with the interval of values and `more`, whose ends no mean can pass."""
    added = np.broadcast_to(more, (len(values), len(more)))
    found = _crossed_mean(np.concatenate([values, added], axis=1), seed, resamples, level)
    mean = float(values.mean())
    return Estimate(mean, max(min(more), min(mean, found.low)), min(max(more), max(mean, found.high)))


def _half_width(values: Floats, level: float) -> float:
    """Half the width of the t interval of the mean of crossed values."""
    seeds, examples = values.shape
    mean = values.mean()
    by_seed, by_example = values.mean(axis=1) - mean, values.mean(axis=0) - mean
    rest = values - mean - by_seed[:, None] - by_example[None, :]
    free_seeds, free_examples = seeds - 1, examples - 1
    between_seeds = examples * float(by_seed @ by_seed) / max(free_seeds, 1)
    between_examples = seeds * float(by_example @ by_example) / max(free_examples, 1)
    within = float((rest**2).sum()) / max(free_seeds * free_examples, 1)
    variance = between_seeds + between_examples - min(between_seeds, between_examples, within)
    if variance <= 0:
        return 0.0
    # as parts of the variance, whose own square may be too small for a float
    of_seeds = (between_seeds / variance) ** 2 / max(free_seeds, 1)
    of_examples = (between_examples / variance) ** 2 / max(free_examples, 1)
    freedom = 1 / (of_seeds + of_examples)
    return float(stdtrit(freedom, (1 + level) / 2)) * math.sqrt(variance / (seeds * examples))


def _pigeonhole_means(values: Floats, seed: int, resamples: int) -> Floats:
    """Means of resamples of crossed seeds and examples."""
    seeds, examples = values.shape
    by_seed = numpy_stream(seed, "bootstrap seeds").multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples)
    draws = _draws(examples, seed, "bootstrap", resamples)
    by_example = np.concatenate([counts @ values.T for counts in draws])
    means: Floats = (by_seed * by_example).sum(axis=1) / (seeds * examples)
    return means


def _draws(count: int, seed: int, purpose: str, resamples: int) -> Iterator[Floats]:
    """How often each of some examples is drawn, in portions of shape (resamples, examples)."""
    stream = numpy_stream(seed, purpose)
    portion = max(1, _CELLS // count)
    for start in range(0, resamples, portion):
        drawn = stream.multinomial(count, np.full(count, 1 / count), size=min(portion, resamples - start))
        yield drawn.astype(np.float64)
