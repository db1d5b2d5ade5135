"""Where in depth the ranks should sit, and over how many sites."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from darse.ranks.plan import RankPlan, Site
from darse.search.calibrate import Calibration
from darse.search.history import History, Problem
from darse.search.scoring import search_scores, short_scores

Span = tuple[int, int]
"""First site and one past the last."""

REAL_PARTS = (0.2, 0.6)
"""Part, at the least and at the most, of a difference of cuts that full runs have: 0.42 and 0.56 were measured
(docs/proxies.md)."""
WIDTHS = (1.0, 2 / 3, 1 / 3, 1 / 6)
"""Widths compared, as parts of the depth."""


@dataclass(frozen=True, slots=True)
class Depth:
    """Finding about depth.

    Attributes:
        best: The span of a third of the sites that serves best when it alone has ranks.
        worst: The span of the same width that serves worst.
        gain: Loss of the worst, less that of the best.
        is_flat: Whether that gain is within noise, so that it does not matter where ranks sit.
        chosen: The span that plans are made of, in place and width; the whole depth where the profile is flat.
        is_trained: Whether the gain is that of training runs, and not of cuts.
    """

    best: Span
    worst: Span
    gain: float
    is_flat: bool
    chosen: Span
    is_trained: bool = False


def find_depth(history: History, calibration: Calibration, sizes: Sequence[int]) -> Depth | None:
    """The span of sites that deserves the ranks; None if no span fits the sizes or none has a score.

    A layer's usefulness is smooth in depth with one peak (docs/method.md). Cuts of spans of one width find the peak,
    coarse to fine, and the span that lies worst. Where it is open whether the difference is real, two short runs say,
    however deep the model. Then cuts of several widths around the peak are compared.

    Args:
        history: The history.
        calibration: The learning rate and the noise floor.
        sizes: Costs that plans are made for, dearest first.
    """
    problem = history.problem
    depth, size = len(problem.sites), compared_size(sizes)
    profile = _profile(history, calibration, math.ceil(depth / 3), size)
    places = {span: score for span, score in profile.items() if math.isfinite(score)}
    if not places:
        return None
    best, worst = min(places, key=lambda span: places[span]), max(places, key=lambda span: places[span])
    # the difference of two runs has the spread sqrt(2) times that of one
    gain, least = places[worst] - places[best], math.sqrt(2) * calibration.noise_floor
    lowest, highest = REAL_PARTS if problem.settings.is_cut else (1.0, 1.0)
    is_flat, is_trained = highest * gain <= least, not problem.settings.is_cut
    if not is_flat and lowest * gain <= least:
        plans = [plan for span in (worst, best) if (plan := _fitted(problem, span, size))]
        theirs, ours = short_scores(history, calibration, plans).values()
        if math.isfinite(theirs - ours):
            gain, is_flat, is_trained = theirs - ours, theirs - ours <= least, True
    if is_flat:
        return Depth(best, worst, gain, True, (0, depth), is_trained)
    spans = [best, *(_placed(history, calibration, width, best, size) for width in widths(problem.sites, size))]
    scored = _scores(history, calibration, spans, size)
    chosen = min(scored, key=lambda span: scored[span], default=best)
    return Depth(best, worst, gain, False, chosen, is_trained)


def window_plans(history: History, found: Depth, sizes: Sequence[int]) -> list[RankPlan]:
    """The chosen span at every size, each plan once; where not all of it fits, its middle."""
    plans = (_fitted(history.problem, found.chosen, size) for size in sizes)
    return list(dict.fromkeys(plan for plan in plans if plan is not None))


def placed_plan(history: History, found: Depth, sizes: Sequence[int]) -> RankPlan | None:
    """The best place alone at the size at which plans of different origin are compared; None if it does not fit."""
    return _fitted(history.problem, found.best, compared_size(sizes))


def compared_size(sizes: Sequence[int]) -> int:
    """The size at which plans of different origin are compared: the dearest that is cheaper than the budget.

    >>> compared_size([800, 400, 200]), compared_size([800])
    (400, 800)
    """
    return sizes[min(1, len(sizes) - 1)]


def widths(sites: Sequence[Site], size: int) -> list[int]:
    """Numbers of sites that a span may have, widest first: parts of the depth, as far as the size affords rank 1."""
    depth = len(sites)
    affordable = max(1, depth * size // sum(site.unit_cost for site in sites))
    return list(dict.fromkeys(min(max(1, round(depth * part)), affordable) for part in WIDTHS))


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


def _profile(history: History, calibration: Calibration, width: int, size: int) -> dict[Span, float]:
    """Scores of spans of one width by their place: a grid over the depth, then halving steps around the best."""
    depth = len(history.problem.sites)
    step = max(1, depth // 6)
    last = depth - width
    starts = [*range(0, last, step), last]
    scored: dict[Span, float] = {}
    while True:
        scored |= _scores(history, calibration, [(start, start + width) for start in starts], size)
        if step == 1 or not scored:
            return scored
        step //= 2
        middle = min(scored, key=lambda span: scored[span])[0]
        starts = [start for start in (middle - step, middle + step) if 0 <= start <= last]


def _placed(history: History, calibration: Calibration, width: int, around: Span, size: int) -> Span:
    """The span of a width whose middle is that of another; of two that are equally near, the better."""
    depth = len(history.problem.sites)
    twice = around[0] + around[1] - width
    starts = sorted({min(max(start, 0), depth - width) for start in (twice // 2, (twice + 1) // 2)})
    spans = [(start, start + width) for start in starts]
    if len(spans) == 1:
        return spans[0]
    scored = _scores(history, calibration, spans, size)
    return min(spans, key=lambda span: scored.get(span, math.inf))


def _scores(history: History, calibration: Calibration, spans: Iterable[Span], size: int) -> dict[Span, float]:
    plans = {span: plan for span in spans if (plan := _fitted(history.problem, span, size))}
    scores = search_scores(history, calibration, list(dict.fromkeys(plans.values())))
    return {span: scores[plan] for span, plan in plans.items()}


def _fitted(problem: Problem, span: Span, size: int) -> RankPlan | None:
    return fitted_plan(problem.sites, span, size, problem.max_rank)
