"""Losses of plans with a known difference: squared errors or 0/1 errors, crossed over seeds and examples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from darse.evaluate.losses import Floats

_REST = (0.34, 0.34, 0.32)
"""How what is not the example's alone falls to plan and example, to seed and example, and to none of them."""


@dataclass(frozen=True)
class Gap:
    """What is planted.

    Attributes:
        seeds: Runs of each plan.
        rows: Test examples.
        plans: How many plans; all but the first are equal.
        spread: Standard deviation of a run's level over seeds: relative for squared errors, absolute for error rates.
        gain: How much better the first plan is: relative for squared errors, absolute for error rates.
        rate: Error rate of all but the first.
        alike: Part of an error's variance that belongs to the example alone; 0.65 was measured, and more of it makes
            plans agree on more rows.
    """

    seeds: int
    rows: int
    plans: int = 2
    spread: float = 0.0
    gain: float = 0.0
    rate: float = 0.15
    alike: float = 0.65


def mse_world(gap: Gap, stream: np.random.Generator) -> Floats:
    """Squared errors of mean 1 (times the mean of a run's level), shape (plans, seeds, rows)."""
    level = np.exp(gap.spread * stream.normal(size=(gap.plans, gap.seeds, 1)))
    level[0] *= 1 - gap.gain
    losses: Floats = level * _errors(gap, stream) ** 2
    return losses


def mse_truth(gap: Gap) -> float:
    """The expected difference of control and plan."""
    return gap.gain * float(np.exp(gap.spread**2 / 2))


def accuracy_world(gap: Gap, stream: np.random.Generator) -> Floats:
    """0/1 errors with a known rate, shape (plans, seeds, rows)."""
    spread = gap.spread / float(norm.pdf(norm.ppf(1 - gap.rate)))
    rates = np.full((gap.plans, 1, 1), gap.rate)
    rates[0] -= gap.gain
    threshold = norm.ppf(1 - rates) * np.sqrt(1 + spread**2)
    shift = spread * stream.normal(size=(gap.plans, gap.seeds, 1))
    losses: Floats = (_errors(gap, stream) + shift > threshold).astype(np.float64)
    return losses


def accuracy_truth(gap: Gap) -> float:
    """The expected difference of control and plan."""
    return gap.gain


def _errors(gap: Gap, stream: np.random.Generator) -> Floats:
    """Standard normal errors whose parts are shared over plans and seeds, as with common random numbers."""
    shapes = ((1, 1), (gap.plans, 1), (1, gap.seeds), (gap.plans, gap.seeds))
    shares = (gap.alike, *((1 - gap.alike) * part for part in _REST))
    parts = (np.sqrt(part) * stream.normal(size=(*shape, gap.rows)) for part, shape in zip(shares, shapes, strict=True))
    total: Floats = sum(parts, start=np.zeros((gap.plans, gap.seeds, gap.rows)))
    return total
