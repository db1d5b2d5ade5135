"""A table of measured losses per site and rank to the plans that lose least within some budgets, exactly."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from darse.ranks.plan import RankPlan, Site

MAX_CELLS = 50_000_000
"""Sites times budget units that the table may have; beyond it the unit is rounded up, never a budget."""


def best_plans(
    table: Sequence[Mapping[int, float]], sites: Sequence[Site], budgets: Sequence[int], *, cells: int = MAX_CELLS
) -> list[RankPlan | None]:
    """For each budget the plan of least summed loss whose cost is within it, the cheapest of equals; None if none is.

    A multiple-choice knapsack in parameters (Kellerer, Pferschy and Pisinger 2004, Knapsack Problems, ch. 11), by
    dynamic programming over the budget in units of the greatest common divisor of the sites' unit costs. The table of
    the largest budget holds all smaller ones.

    Args:
        table: For each site, the loss at each rank on offer; infinite where it is not known.
        sites: The sites, in the same order.
        budgets: Upper bounds of the cost.
        cells: Of the table, at the most.

    >>> from darse.ranks.plan import Weight
    >>> sites = [Site("a", (Weight("a", 1, 1, 0),)), Site("b", (Weight("b", 1, 1, 1),))]
    >>> [str(plan) for plan in best_plans([{0: 5.0, 1: 1.0}, {0: 4.0, 1: 3.0}], sites, [4, 2, 0])]
    ['1 1', '1 0', '0 0']
    """
    unit = math.gcd(*(site.unit_cost for site in sites))
    unit *= max(1, math.ceil(len(sites) * (max(budgets) // unit + 1) / cells))
    size = max(budgets) // unit + 1
    loss = np.zeros(size)
    choices: list[NDArray[np.int32]] = []
    for site, offers in zip(sites, table, strict=True):
        best = np.full(size, np.inf)
        chosen = np.full(size, -1, dtype=np.int32)
        for rank, value in sorted(offers.items()):
            weight = _units(site, rank, unit)
            if weight < size:
                candidate = loss[: size - weight] + value
                is_better = candidate < best[weight:]
                best[weight:][is_better], chosen[weight:][is_better] = candidate[is_better], rank
        loss = best
        choices.append(chosen)
    return [_read_back(loss[: budget // unit + 1], choices, sites, unit) for budget in budgets]


def _read_back(
    loss: NDArray[np.float64], choices: Sequence[NDArray[np.int32]], sites: Sequence[Site], unit: int
) -> RankPlan | None:
    place = int(np.argmin(loss))  # the first, so the cheapest of equals
    if not math.isfinite(loss[place]):
        return None
    ranks: list[int] = []
    for site, chosen in zip(reversed(sites), reversed(choices), strict=True):
        rank = int(chosen[place])
        ranks.append(rank)
        place -= _units(site, rank, unit)
    return RankPlan(tuple(reversed(ranks)))


def _units(site: Site, rank: int, unit: int) -> int:
    return -(-rank * site.unit_cost // unit)
