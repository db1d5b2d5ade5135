"""Where in depth the ranks should sit: spans of sites, wide ones first, then the neighbours of the best."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from darse.ranks.plan import RankPlan, Site
from darse.search.calibrate import Calibration
from darse.search.history import History
from darse.search.scoring import shape_scores

Span = tuple[int, int]
"""First site and one past the last."""


def window_plans(history: History, calibration: Calibration, sizes: Sequence[int]) -> list[RankPlan]:
    """The best span of sites, found coarse to fine at the middle size, at every size.

    A layer's usefulness is smooth in depth with one peak (docs/method.md). A few wide spans find its neighbourhood,
    then shifting and shrinking the best in halving steps finds the peak: the number of plans grows with
    the logarithm of the depth, not with the depth.

    Args:
        history: The history.
        calibration: The learning rate.
        sizes: Costs to make plans for, dearest first.
    """
    problem = history.problem
    best = find_span(history, calibration, sizes[len(sizes) // 2])
    if best is None:
        return []
    plans = (fitted_plan(problem.sites, best, size, problem.max_rank) for size in sizes)
    return list(dict.fromkeys(plan for plan in plans if plan is not None))


def find_span(history: History, calibration: Calibration, size: int) -> Span | None:
    """The span that scores best when it alone gets all the ranks that the size affords; None if none fits."""
    depth = len(history.problem.sites)
    scored = _score(history, calibration, coarse_spans(depth), size)
    if not scored:
        return None
    step = max(1, depth // 6)
    while True:
        best = min(scored, key=lambda span: scored[span])
        fresh = [span for span in neighbours(best, depth, step) if span not in scored]
        scored |= _score(history, calibration, fresh, size)
        if min(scored, key=lambda span: scored[span]) != best:
            continue
        if step == 1:
            return best
        step //= 2


def span_plan(sites: Sequence[Site], span: Span, size: int, max_rank: int) -> RankPlan | None:
    """The span with the highest rank that fits the size; None if rank 1 does not fit."""
    rank = min(size // sum(site.unit_cost for site in sites[slice(*span)]), max_rank)
    if not rank:
        return None
    first, last = span
    return RankPlan.of(min(rank, site.max_rank) if first <= place < last else 0 for place, site in enumerate(sites))


def fitted_plan(sites: Sequence[Site], span: Span, size: int, max_rank: int) -> RankPlan | None:
    """The span's plan; a span too wide for the size loses its ends in turn until rank 1 fits."""
    first, last = span
    while first < last:
        plan = span_plan(sites, (first, last), size, max_rank)
        if plan is not None:
            return plan
        first, last = (first + 1, last) if (last - first) % 2 else (first, last - 1)
    return None


def coarse_spans(depth: int) -> list[Span]:
    """Everything, the lower, middle and upper half.

    >>> coarse_spans(6)
    [(0, 6), (0, 3), (1, 4), (3, 6)]
    """
    half = math.ceil(depth / 2)
    middle = (depth - half) // 2
    spans = [(0, depth), (0, half), (middle, middle + half), (depth - half, depth)]
    return list(dict.fromkeys(spans))


def neighbours(span: Span, depth: int, step: int) -> list[Span]:
    """The span shifted by a step either way, and shrunk by a step at either end."""
    first, last = span
    moved = [(first - step, last - step), (first + step, last + step), (first + step, last), (first, last - step)]
    return [(low, high) for low, high in moved if 0 <= low < high <= depth]


def _score(history: History, calibration: Calibration, spans: Iterable[Span], size: int) -> dict[Span, float]:
    problem = history.problem
    plans = {span: span_plan(problem.sites, span, size, problem.max_rank) for span in spans}
    fitting = {span: plan for span, plan in plans.items() if plan is not None}
    scores = shape_scores(history, calibration, list(fitting.values()))
    return {span: scores[plan] for span, plan in fitting.items()}
