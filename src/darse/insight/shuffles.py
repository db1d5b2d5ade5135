"""A statistic of values in order to its p-value: how often shuffled values give one as large."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from darse.evaluate.losses import Floats

EXCEEDANCES = 20
_BATCH_VALUES = 1 << 19


def shuffled_p(
    values: Floats,
    statistic: Callable[[Floats], Floats],
    *,
    shuffles: int,
    stream: np.random.Generator,
) -> float:
    """The chance of a statistic as large as the one found, if the order of the values meant nothing.

    Shuffling ends as soon as `EXCEEDANCES` shuffles have reached the statistic, since the answer is clear then. The
    p-value stays valid: that number over the shuffles made, else one more than those that reached it over one more
    than all.

    Source: Besag and Clifford (1991), Sequential Monte Carlo p-values, Biometrika 78.

    Args:
        values: In the order in question, (rows,).
        statistic: Statistics of many orders at once, (orders, rows) to (orders,).
        shuffles: At the most.
        stream: Of random numbers.
    """
    found = statistic(values[np.newaxis, :])[0]
    reached, made = 0, 0
    size = max(1, min(200, _BATCH_VALUES // len(values)))
    limit = found - 1e-9 * max(1.0, abs(found))  # sums in another order differ in the last bits
    while made < shuffles:
        orders = stream.permuted(np.broadcast_to(values, (min(size, shuffles - made), len(values))), axis=1)
        hits = np.flatnonzero(statistic(orders) >= limit)
        if reached + len(hits) >= EXCEEDANCES:
            return EXCEEDANCES / (made + int(hits[EXCEEDANCES - reached - 1]) + 1)
        reached, made = reached + len(hits), made + len(orders)
    return (reached + 1) / (made + 1)
