"""The published allocation: move rank from the least to the most useful site while that pays."""

from __future__ import annotations

import math

from darse.ranks.plan import RankPlan, cost
from darse.search.calibrate import Calibration
from darse.search.history import History
from darse.search.scoring import search_scores
from darse.search.uniform import Fine

MAX_MOVES = 16
"""Accepted moves at the most; the search is over long before in practice."""


def greedy_plans(history: History, calibration: Calibration, found: Fine, budget: int) -> list[RankPlan]:
    """The plans on the greedy path, from uniform to its end.

    In each round the rank of every site is halved alone: what the score loses is the site's usefulness. Then half
    of the least useful site's rank moves to the most useful one. The move is kept if it gains more than the noise floor
    (of what cuts gain, the part that is real), else the search ends. Source: DARSE (arXiv 2410.16589), dynamic rank
    allocation; its step sizes and stopping rule are not public, these are ours.
    """
    path = [_start(history, found, budget)]
    for _ in range(MAX_MOVES):
        plan = path[-1]
        cuts = {site: plan.replace(site, plan[site] // 2) for site in plan.active}
        if len(cuts) < 2:
            break
        after = search_scores(history, calibration, list(cuts.values()))
        order = sorted((site for site in cuts if math.isfinite(after[cuts[site]])), key=lambda site: after[cuts[site]])
        if len(order) < 2:
            break
        moved = _move(history, plan, giver=order[0], taker=order[-1])
        if moved is None:
            break
        scores = search_scores(history, calibration, [plan, moved])
        if not found.real_part * (scores[plan] - scores[moved]) > calibration.noise_floor:
            break
        path.append(moved)
    return path


def _start(history: History, found: Fine, budget: int) -> RankPlan:
    problem = history.problem
    rank = found.rank
    while rank > 1 and cost(problem.uniform(rank), problem.sites) > budget:
        rank -= 1
    start = problem.uniform(rank)
    if cost(start, problem.sites) <= budget:
        return start
    # not even rank 1 everywhere: the upper sites that fit, as many as possible
    start = problem.uniform(0)
    for site in reversed(range(len(start))):
        fuller = start.replace(site, 1)
        start = fuller if cost(fuller, problem.sites) <= budget else start
    return start


def _move(history: History, plan: RankPlan, *, giver: int, taker: int) -> RankPlan | None:
    sites = history.problem.sites
    given = plan.replace(giver, plan[giver] // 2)
    freed = (plan[giver] - given[giver]) * sites[giver].unit_cost
    rank = plan[taker] + freed // sites[taker].unit_cost
    moved = given.replace(taker, min(rank, sites[taker].max_rank, history.problem.max_rank))
    return moved if moved != given else None
