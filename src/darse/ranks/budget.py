"""A budget as people write it (`500k`, `1%`, `uniform:8`) to a number of parameters."""

from __future__ import annotations

from collections.abc import Sequence

from darse.errors import PlanError
from darse.ranks.plan import RankPlan, Site, cost
from darse.settings import read_budget


def parse_budget(text: str, sites: Sequence[Site], base_parameters: int) -> int:
    """The upper bound of a plan's cost, in trainable adapter parameters.

    Args:
        text: `500000`, `500k`, `1.5M`, `1%` (of the base model), or `uniform:8` (what uniform rank 8 costs).
        sites: The sites of the model.
        base_parameters: Parameters of the base model, for a percentage.

    Raises:
        PlanError: The text is no budget, or it is below the cheapest possible adapter.

    >>> from darse.ranks.plan import Weight
    >>> layer = Site("layer 0", (Weight("q", 100, 100, 0),))
    >>> [parse_budget(text, [layer], 10_000) for text in ("1.5k", "4%", "uniform:3")]
    [1500, 400, 600]
    """
    budget = _parameters(text, sites, base_parameters)
    cheapest = min(site.unit_cost for site in sites)
    if budget < cheapest:
        raise PlanError(
            f"budget {text} is {budget} parameters, but rank 1 at one site costs {cheapest}; raise --budget"
        )
    return budget


def largest_uniform_rank(sites: Sequence[Site], budget: int) -> int:
    """The highest uniform rank that costs no more than the budget; 0 if rank 1 is too dear."""
    rank = 0
    top = max(site.max_rank for site in sites)
    while rank < top and cost(RankPlan.uniform(sites, rank + 1), sites) <= budget:
        rank += 1
    return rank


def _parameters(text: str, sites: Sequence[Site], base_parameters: int) -> int:
    try:
        amount, unit = read_budget(text)
    except ValueError as error:
        raise PlanError(str(error)) from error
    if unit == "uniform rank":
        return cost(RankPlan.uniform(sites, int(amount)), sites)
    return int(amount / 100 * base_parameters) if unit == "percent" else int(amount)
