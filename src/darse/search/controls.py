"""What a plan has to beat before anybody believes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from darse.ranks.plan import RankPlan, Site, cost, is_uniform
from darse.seeds import numpy_stream

BEST_UNIFORM = "best uniform"
BEST_LAYER_WISE = "best layer-wise"
EQUAL_COST = "uniform of equal cost"
SHUFFLED = "shuffled"
HEAD_ALONE = "head alone"


@dataclass(frozen=True, slots=True)
class Control:
    """A plan to compare with.

    Attributes:
        name: `best uniform`, `best layer-wise`, `uniform of equal cost`, `shuffled` or `head alone`.
        plan: Its ranks.
    """

    name: str
    plan: RankPlan


def controls_for(
    plan: RankPlan,
    sites: Sequence[Site],
    *,
    best_uniform: RankPlan,
    best_layer_wise: RankPlan | None = None,
    has_head: bool = True,
    seed: int,
) -> tuple[Control, ...]:
    """The controls of a plan: each distinct from the plan and from each other.

    Args:
        plan: The plan that was found.
        sites: The sites.
        best_uniform: The uniform plan at which quality saturates.
        best_layer_wise: The best plan found that is not uniform: what a uniform plan has to beat.
        has_head: Whether the head can be trained alone, without any pair.
        seed: Of the shuffle.
    """
    wanted = [Control(BEST_UNIFORM, best_uniform)]
    if is_uniform(plan, sites) and best_layer_wise is not None:
        wanted.append(Control(BEST_LAYER_WISE, best_layer_wise))
    wanted += [
        Control(EQUAL_COST, equal_cost_uniform(plan, sites)),
        Control(SHUFFLED, shuffled(plan, sites, seed=seed)),
    ]
    if has_head:
        wanted.append(Control(HEAD_ALONE, RankPlan.uniform(sites, 0)))
    kept: dict[RankPlan, Control] = {}
    for control in wanted:
        if control.plan != plan:
            kept.setdefault(control.plan, control)
    return tuple(kept.values())


def option_name(name: str) -> str:
    """What `--plan` calls a plan.

    >>> option_name("best uniform")
    'best-uniform'
    """
    return name.replace(" ", "-")


def equal_cost_uniform(plan: RankPlan, sites: Sequence[Site]) -> RankPlan:
    """The cheapest uniform plan that costs at least as much: where costs cannot be equal, the control is favoured."""
    target = cost(plan, sites)
    rank = 1
    while cost(RankPlan.uniform(sites, rank), sites) < target:
        rank += 1
    return RankPlan.uniform(sites, rank)


def shuffled(plan: RankPlan, sites: Sequence[Site], *, seed: int) -> RankPlan:
    """The plan's own ranks over other sites, at exactly the same cost.

    Ranks are exchanged only among sites of one unit cost that can carry the same ranks. A plan whose every shuffle
    is itself (a uniform one) is returned as it is.
    """
    stream = numpy_stream(seed, "shuffle", str(plan))
    for _ in range(20):
        ranks = list(plan)
        for kind in sorted({_kind(site) for site in sites}):
            places = [place for place, site in enumerate(sites) if _kind(site) == kind]
            for place, source in zip(places, stream.permutation(places), strict=True):
                ranks[place] = plan[int(source)]
        if tuple(ranks) != plan.ranks:
            return RankPlan.of(ranks)
    return plan


def _kind(site: Site) -> tuple[int, int]:
    return site.unit_cost, site.max_rank
