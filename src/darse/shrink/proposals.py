"""What single cuts lose, and where an adapter has its energy, to plans of falling size."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from darse.evaluate.losses import Floats
from darse.model.audit import rank_keeping
from darse.ranks.plan import RankPlan
from darse.search.knapsack import best_plans
from darse.shrink.layout import Layout

STEP = math.sqrt(2)
"""Ratio of neighbouring sizes: finer than the noise can tell apart, coarse enough for a few dozen passes."""
SHARES = (0.99, 0.95, 0.9, 0.75, 0.5)
"""Parts of the energy that the plans without any data keep in every module."""

Energies = Sequence[Floats]
"""For each module the squared singular values of its update, falling."""


def single_cuts(layout: Layout) -> dict[tuple[int, int], RankPlan]:
    """By site and rank the plan that cuts this site alone: to nothing, and to every power of two below its rank."""
    tops = layout.tops
    return {
        (site, rank): layout.plan([*tops[:site], rank, *tops[site + 1 :]])
        for site, top in enumerate(tops)
        for rank in (0, *(1 << power for power in range(top.bit_length()) if 1 << power < top))
    }


def loss_table(layout: Layout, increases: Mapping[tuple[int, int], float]) -> list[dict[int, float]]:
    """For each site the loss at each rank, as the knapsack takes it.

    A lower rank never counts as better than a higher one: that would be noise, and the knapsack would look for it.

    Args:
        layout: The sites.
        increases: Mean increase of the loss by site and rank; infinite where a cut could not be scored.
    """
    table: list[dict[int, float]] = []
    for site, top in enumerate(layout.tops):
        offers, worst = {top: 0.0}, 0.0
        for rank in sorted((rank for place, rank in increases if place == site), reverse=True):
            worst = max(worst, increases[site, rank])
            offers[rank] = worst
        table.append(offers)
    return table


def sizes(layout: Layout, budget: int | None) -> list[int]:
    """Sizes to look at, largest first: the adapter's, or the budget, and steps down to rank 1 at one site."""
    size = float(layout.cost(layout.whole) if budget is None else min(budget, layout.cost(layout.whole)))
    cheapest, found = min(site.unit_cost for site in layout.sites), []
    while size >= cheapest:
        found.append(int(size))
        size /= STEP
    return found


def proposals(
    layout: Layout, table: Sequence[Mapping[int, float]], energies: Energies, budget: int | None
) -> dict[RankPlan, tuple[str, ...]]:
    """Plans over modules that cost no more than the budget, each with all who proposed it.

    Args:
        layout: The sites.
        table: From `loss_table`.
        energies: Of each module.
        budget: Upper bound of the cost; None means none.
    """
    found: dict[RankPlan, dict[str, None]] = {}
    steps = sizes(layout, budget)
    for plan in best_plans(table, layout.sites, steps) if steps else ():
        if plan is not None:
            found.setdefault(layout.plan(plan.ranks), {})["measured losses"] = None
    for size in steps:
        found.setdefault(_by_energy(layout, energies, size), {})["energy"] = None
    for share in SHARES:
        found.setdefault(_keeping(layout, energies, share), {})["energy of each site"] = None
    found.setdefault(layout.whole, {})["no cut"] = None
    limit = math.inf if budget is None else budget
    return {
        plan: tuple(origins)
        for plan, origins in found.items()
        if plan.ranks != layout.stored and layout.cost(plan) <= limit
    }


def most_proposals(layout: Layout, budget: int | None) -> int:
    """How many plans `proposals` gives, at the most."""
    return 2 * len(sizes(layout, budget)) + len(SHARES) + 1


def _by_energy(layout: Layout, energies: Energies, size: int) -> RankPlan:
    """The plan that keeps most energy within a size: directions in the order of their energy for each parameter."""
    directions = sorted(
        (-energy / layout.sites[site].unit_cost, site, rank) for site, rank, energy in _directions(layout, energies)
    )
    ranks, left = [0] * len(layout.sites), size
    for value, site, rank in directions:
        cost = layout.sites[site].unit_cost
        # a direction comes only on top of those before it
        if value < 0 and rank == ranks[site] and cost <= left:
            ranks[site], left = rank + 1, left - cost
    return layout.plan(ranks)


def _directions(layout: Layout, energies: Energies) -> Iterator[tuple[int, int, float]]:
    """Site, place and energy of every direction; the directions of a site's modules go together."""
    for site, group in enumerate(layout.groups):
        for rank in range(layout.tops[site]):
            yield site, rank, sum(float(energies[place][rank]) for place in group if rank < len(energies[place]))


def _keeping(layout: Layout, energies: Energies, share: float) -> RankPlan:
    """The plan that keeps a part of the energy of each site's modules."""
    return layout.plan([max(rank_keeping(energies[place], share) for place in group) for group in layout.groups])
