"""Fourth stage: ranks per site under the budget; candidates of several sizes, best first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from darse.ranks.budget import largest_uniform_rank
from darse.ranks.plan import RankPlan, Site, cost
from darse.search.calibrate import Calibration
from darse.search.greedy import greedy_plans
from darse.search.history import History, Problem
from darse.search.knapsack import best_plans
from darse.search.scoring import search_scores
from darse.search.sensitivity import Sensitivity, loss_table, measure_sensitivity
from darse.search.uniform import Fine
from darse.search.window import Depth, compared_size, find_depth, placed_plan, window_plans

LADDER = 6
"""Sizes looked at: the budget, and halves of it."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plan worth a look.

    Attributes:
        plan: The plan.
        cost: Its trainable parameters.
        score: What it was expected to lose (`search_scores`).
        origin: The strategy that proposed it.
    """

    plan: RankPlan
    cost: int
    score: float
    origin: str


@dataclass(frozen=True, slots=True)
class Allocation:
    """Finding of allocate.

    Attributes:
        budget: Upper bound of every finalist's cost.
        finalists: The best candidate of each size, dearest first, uniform plans among them.
        candidates: Everything looked at.
        sensitivity: What each site loses when its rank is cut; None where the strategy does not measure it.
        depth: Where in depth ranks should sit; None where the strategy does not look for it.
    """

    budget: int
    finalists: tuple[Candidate, ...]
    candidates: tuple[Candidate, ...]
    sensitivity: Sensitivity | None
    depth: Depth | None = None


def allocate(history: History, calibration: Calibration, found: Fine) -> Allocation:
    """Let strategies propose plans at each size of the ladder; the better strategy's are the finalists of each size.

    Where the profile over depth is flat, plans that put the ranks in some place are no finalists. They stay candidates,
    since a uniform finding has to beat the best of them.
    """
    problem = history.problem
    budget = problem.budget or cost(problem.uniform(_dearest_rank(problem, calibration, found)), problem.sites)
    sizes = ladder(history, budget)
    strategy = problem.settings.strategy
    table = loss_table(history, calibration, found) if strategy in {"knapsack", "auto"} else None
    depth = find_depth(history, calibration, sizes) if strategy in {"window", "auto"} else None
    proposals: dict[str, list[RankPlan]] = {"uniform": uniform_plans(history, found, budget)}
    if strategy == "greedy":
        proposals["greedy"] = greedy_plans(history, calibration, found, budget)
    if depth is not None:
        proposals["window"] = window_plans(history, depth, sizes)
    if table is not None:
        proposals["knapsack"] = knapsack_plans(table, problem.sites, sizes)
    origins = {plan: origin for origin, plans in reversed(proposals.items()) for plan in plans if plan.active}
    if depth is not None and (placed := placed_plan(history, depth, sizes)):
        origins.setdefault(placed, "window")
    if not origins:
        origins[cheapest_plan(problem.sites)] = "uniform"
    compared = {
        origin: compared_plan(plans, problem.sites, compared_size(sizes))
        for origin, plans in proposals.items()
        if origin != "uniform" and any(plan.active for plan in plans)
    }
    scores = search_scores(history, calibration, list(origins))
    candidates = [Candidate(plan, cost(plan, problem.sites), scores[plan], origins[plan]) for plan in origins]
    if depth is not None and depth.is_flat:
        compared.pop("knapsack", None)
    best = min(compared, key=lambda origin: scores[compared[origin]], default="uniform")
    rivals = {*proposals[best], *proposals["uniform"]}
    sensitivity = None if table is None else measure_sensitivity(history, calibration, found, table)
    ranked = [one for one in candidates if one.plan in rivals] or candidates
    return Allocation(budget, finalists(ranked, sizes), tuple(candidates), sensitivity, depth)


def _dearest_rank(problem: Problem, calibration: Calibration, found: Fine) -> int:
    """Uniform rank whose cost is the budget where none is given.

    The smallest plan that holds is sought among those of twice the cost too, in case full runs call for a higher rank.
    """
    is_open = problem.settings.objective == "smallest" and problem.settings.is_cut
    return min(2 * found.rank, calibration.rank) if is_open else found.rank


def compared_plan(plans: Sequence[RankPlan], sites: Sequence[Site], size: int) -> RankPlan:
    """The dearest of some plans that a size affords; the cheapest if it affords none."""
    active = sorted((plan for plan in plans if plan.active), key=lambda plan: cost(plan, sites))
    return next((plan for plan in reversed(active) if cost(plan, sites) <= size), active[0])


def ladder(history: History, budget: int) -> list[int]:
    """The budget and halves of it, as long as a site can still have a rank; two sizes for objective `best`."""
    cheapest = min(site.unit_cost for site in history.problem.sites)
    steps = LADDER if history.problem.settings.objective == "smallest" else 2
    return [budget >> power for power in range(steps) if budget >> power >= cheapest] or [budget]


def knapsack_plans(table: Sequence[Mapping[int, float]], sites: Sequence[Site], sizes: Sequence[int]) -> list[RankPlan]:
    """The plan of least summed loss at every size; none where too little was measured to fit one."""
    return [plan for plan in best_plans(table, sites, sizes) if plan is not None]


def cheapest_plan(sites: Sequence[Site]) -> RankPlan:
    """Rank 1 at the cheapest site alone: the one plan that every budget affords."""
    place = min(range(len(sites)), key=lambda site: sites[site].unit_cost)
    return RankPlan.of(int(site == place) for site in range(len(sites)))


def uniform_plans(history: History, found: Fine, budget: int) -> list[RankPlan]:
    """The uniform plans within the budget that a finding has to beat: where quality saturates, and the largest."""
    problem = history.problem
    ranks = {found.rank, min(largest_uniform_rank(problem.sites, budget), problem.max_rank)}
    plans = [problem.uniform(rank) for rank in sorted(ranks) if rank]
    return [plan for plan in plans if cost(plan, problem.sites) <= budget]


def finalists(candidates: Sequence[Candidate], sizes: Sequence[int]) -> tuple[Candidate, ...]:
    """The best candidate of each size, dearest first: one that costs no more than it, but more than the next size.

    Each size has its own, also where a cheaper plan scored better: if that one does not hold in full runs, the next
    larger is asked. A candidate that has no score (its trial failed, or a limit came first) is one only where none has.

    Args:
        candidates: Everything looked at.
        sizes: Costs, dearest first.
    """
    scored = [one for one in candidates if math.isfinite(one.score)] or candidates
    best: list[Candidate] = []
    for size, smaller in zip(sizes, (*sizes[1:], 0), strict=True):
        of_size = [one for one in scored if smaller < one.cost <= size]
        if of_size:
            best.append(min(of_size, key=lambda one: (one.score, one.cost)))
    return tuple(best)
