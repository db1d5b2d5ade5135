"""Where in depth the ranks should sit: spans of sites, wide ones first, then the neighbours of the best."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from darse.ranks.plan import RankPlan
from darse.search.calibrate import Calibration
from darse.search.history import History
from darse.search.scoring import search_scores

Span = tuple[int, int]
"""First site and one past the last."""


def window_plans(history: History, calibration: Calibration, sizes: Sequence[int]) -> list[RankPlan]:
    """The best span at each size, found coarse to fine.

    A layer's usefulness is smooth in depth with one peak (docs/method.md), so a few wide spans find its
    neighbourhood, and shifting and shrinking the best finds the peak: the number of plans grows with the logarithm
    of the depth, not with the depth.
    """
    found: list[RankPlan] = []
    for size in sizes:
        best = _climb(history, calibration, size)
        if best is not None:
            found.append(best)
    return found


def span_plan(history: History, span: Span, size: int) -> RankPlan | None:
    """The span with the highest rank that fits the size; None if rank 1 does not fit."""
    sites = history.problem.sites
    inside = sites[slice(*span)]
    rank = min(size // sum(site.unit_cost for site in inside), history.problem.max_rank)
    if not rank:
        return None
    ranks = [min(rank, site.max_rank) if span[0] <= place < span[1] else 0 for place, site in enumerate(sites)]
    return RankPlan.of(ranks)


def coarse_spans(depth: int) -> list[Span]:
    """Everything, both halves, the middle half, and thirds.

    >>> coarse_spans(6)
    [(0, 6), (0, 3), (3, 6), (1, 5), (0, 2), (2, 4), (4, 6)]
    """
    half, quarter, third = math.ceil(depth / 2), depth // 4, max(1, round(depth / 3))
    spans = [
        (0, depth),
        (0, half),
        (depth - half, depth),
        (quarter, depth - quarter),
        (0, third),
        ((depth - third) // 2, (depth - third) // 2 + third),
        (depth - third, depth),
    ]
    return list(dict.fromkeys(span for span in spans if span[0] < span[1]))


def neighbours(span: Span, depth: int, step: int) -> list[Span]:
    """The span shifted, grown and shrunk by a step at either end."""
    first, last = span
    moved = [
        (first - step, last - step),
        (first + step, last + step),
        (first + step, last),
        (first, last - step),
        (first - step, last),
        (first, last + step),
    ]
    return [(low, high) for low, high in moved if 0 <= low < high <= depth]


def _climb(history: History, calibration: Calibration, size: int) -> RankPlan | None:
    depth = len(history.problem.sites)
    scored = _score(history, calibration, coarse_spans(depth), size)
    if not scored:
        return None
    step = max(1, depth // 6)
    while True:
        best = min(scored, key=lambda span: scored[span])
        fresh = [span for span in neighbours(best, depth, step) if span not in scored]
        scored |= _score(history, calibration, fresh, size)
        if min(scored, key=lambda span: scored[span]) == best:
            if step == 1:
                return span_plan(history, best, size)
            step //= 2


def _score(history: History, calibration: Calibration, spans: Iterable[Span], size: int) -> dict[Span, float]:
    plans = {span: plan for span in spans if (plan := span_plan(history, span, size)) is not None}
    scores = search_scores(history, calibration, list(plans.values()))
    return {span: scores[plan] for span, plan in plans.items()}
