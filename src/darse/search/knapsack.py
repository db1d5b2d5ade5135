"""A table of measured losses per site and rank to the plan that loses least under a budget, exactly."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from darse.errors import PlanError
from darse.ranks.plan import RankPlan, Site

MAX_CELLS = 50_000_000
"""Sites times budget units that the table may have; beyond it the unit is rounded up, never the budget."""


def solve(table: Sequence[Mapping[int, float]], sites: Sequence[Site], budget: int) -> RankPlan:
    """The plan of least summed loss whose cost is within the budget; the cheapest of equals.

    A multiple-choice knapsack in parameters (Kellerer, Pferschy and Pisinger 2004, Knapsack Problems, ch. 11), by
    dynamic programming over the budget in units of the greatest common divisor of the sites' unit costs.

    Args:
        table: For each site, the loss at each rank on offer.
        sites: The sites, in the same order.
        budget: Upper bound of the cost.

    Raises:
        PlanError: No combination fits the budget.

    >>> from darse.ranks.plan import Weight
    >>> sites = [Site("a", (Weight("a", 1, 1, 0),)), Site("b", (Weight("b", 1, 1, 1),))]
    >>> str(solve([{0: 5.0, 1: 1.0}, {0: 4.0, 1: 3.0}], sites, 2))
    '1 0'
    """
    unit = math.gcd(*(site.unit_cost for site in sites))
    unit *= max(1, math.ceil(len(sites) * (budget // unit + 1) / MAX_CELLS))
    size = budget // unit + 1
    loss = np.zeros(size)
    choices: list[np.ndarray[tuple[int], np.dtype[np.int64]]] = []
    for site, offers in zip(sites, table, strict=True):
        best = np.full(size, np.inf)
        chosen = np.full(size, -1, dtype=np.int64)
        for rank, value in sorted(offers.items()):
            weight = -(-rank * site.unit_cost // unit)
            if weight < size:
                candidate = np.full(size, np.inf)
                candidate[weight:] = loss[: size - weight] + value
                is_better = candidate < best
                best[is_better], chosen[is_better] = candidate[is_better], rank
        loss = best
        choices.append(chosen)
    return RankPlan(_read_back(loss, choices, sites, unit, budget))


def _read_back(
    loss: np.ndarray[tuple[int], np.dtype[np.float64]],
    choices: Sequence[np.ndarray[tuple[int], np.dtype[np.int64]]],
    sites: Sequence[Site],
    unit: int,
    budget: int,
) -> tuple[int, ...]:
    place = int(np.argmin(loss))  # the first, so the cheapest of equals
    if not math.isfinite(loss[place]):
        raise PlanError(f"no combination of ranks fits the budget of {budget} parameters; raise --budget")
    ranks: list[int] = []
    for site, chosen in zip(reversed(sites), reversed(choices), strict=True):
        rank = int(chosen[place])
        ranks.append(rank)
        place -= -(-rank * site.unit_cost // unit)
    return tuple(reversed(ranks))
