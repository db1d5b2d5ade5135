"""What each site loses when its rank alone is cut, with intervals: the gain table of the knapsack."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from darse.evaluate.paired import mean_intervals
from darse.ranks.plan import RankPlan
from darse.search.calibrate import Calibration
from darse.search.history import Floats, History
from darse.search.scoring import search_scores, search_spec
from darse.search.uniform import Fine

RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class SiteLoss:
    """What one site loses at one rank.

    Attributes:
        site: Index of the site.
        rank: The rank it is cut to.
        loss: Mean increase of the search loss; above 0 means that the site needs more.
        low: Lower end of the 95 % interval over examples.
        high: Upper end.
    """

    site: int
    rank: int
    loss: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """Losses of all sites at all ranks on offer, against one plan that stays otherwise as it is.

    Attributes:
        base: The plan that single sites were cut from.
        losses: One entry per site and rank.
        table: For each site, the loss at each rank, as the knapsack takes it.
    """

    base: RankPlan
    losses: tuple[SiteLoss, ...]
    table: tuple[dict[int, float], ...]


def loss_table(history: History, calibration: Calibration, found: Fine) -> tuple[dict[int, float], ...]:
    """Cut every site alone to every rank on offer, all others left at the calibrated rank.

    With `finetune` all others have the rank of saturation, and each entry is a training run; so only leaving the site
    out is measured there, and the ranks between are interpolated on a square root, near to how cuts' losses fell in
    what was measured here.
    """
    base, plans = _cuts(history, calibration, found)
    scores = search_scores(history, calibration, [base, *plans.values()])
    table = [{base[site]: 0.0} for site in range(len(base))]
    for (site, rank), plan in plans.items():
        increase = scores[plan] - scores[base]
        table[site][rank] = increase if math.isfinite(increase) else math.inf
    if not history.problem.settings.is_cut:
        table = [_interpolated(offers, base[site]) for site, offers in enumerate(table)]
    return tuple(table)


def measure_sensitivity(
    history: History, calibration: Calibration, found: Fine, table: tuple[dict[int, float], ...]
) -> Sensitivity:
    """A loss table with intervals over the examples."""
    base, plans = _cuts(history, calibration, found)
    reference = _losses(history, calibration, base)
    increases: dict[tuple[int, int], Floats] = {}
    for place, plan in plans.items():
        losses = _losses(history, calibration, plan)
        if losses is not None and reference is not None:
            increases[place] = losses - reference
    intervals = _intervals(increases, history.problem.settings.seed)
    losses_by_site = tuple(
        SiteLoss(site, rank, float(increases[site, rank].mean()), *intervals[site, rank])
        if (site, rank) in increases
        else SiteLoss(site, rank, math.inf, -math.inf, math.inf)
        for site, rank in plans
    )
    return Sensitivity(base, losses_by_site, table)


def _cuts(history: History, calibration: Calibration, found: Fine) -> tuple[RankPlan, dict[tuple[int, int], RankPlan]]:
    """The plan that is cut from, and by site and rank the plans that are cut."""
    is_cut = history.problem.settings.is_cut
    top = calibration.rank if is_cut else found.rank
    base = history.problem.uniform(top)
    ranks = _ranks_on_offer(top) if is_cut else [0]
    sites = range(len(base))
    return base, {(site, rank): base.replace(site, rank) for site in sites for rank in ranks if rank < base[site]}


def _ranks_on_offer(top: int) -> list[int]:
    """None, and powers of four below the top: the loss of a cut falls too smoothly to need more."""
    return [0, *(1 << power for power in range(0, top.bit_length(), 2) if 1 << power < top)]


def _losses(history: History, calibration: Calibration, plan: RankPlan) -> Floats | None:
    trial = history.find(search_spec(history, calibration, plan))
    return history.losses(trial) if trial else None


def _intervals(increases: dict[tuple[int, int], Floats], seed: int) -> dict[tuple[int, int], tuple[float, float]]:
    if not increases:
        return {}
    found = _intervals_of(np.stack(list(increases.values())).tobytes(), len(increases), seed)
    return dict(zip(increases, found, strict=True))


@lru_cache(maxsize=4)
def _intervals_of(content: bytes, count: int, seed: int) -> list[tuple[float, float]]:
    # the stages are replayed after every trial, and resampling is what takes time in them
    return mean_intervals(np.frombuffer(content).reshape(count, -1), seed=seed, resamples=RESAMPLES)


def _interpolated(offers: dict[int, float], top: int) -> dict[int, float]:
    without = offers.get(0, 0.0)
    return offers | {rank: without * (1 - (rank / top) ** 0.5) for rank in _ranks_on_offer(top) if rank}
