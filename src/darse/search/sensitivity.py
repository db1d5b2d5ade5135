"""What each site loses when its rank alone is cut, with intervals: the gain table of the knapsack."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from darse.evaluate.paired import mean_interval
from darse.ranks.plan import RankPlan
from darse.search.calibrate import Calibration
from darse.search.history import Floats, History
from darse.search.scoring import search_scores, search_specs
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


def measure_sensitivity(history: History, calibration: Calibration, found: Fine) -> Sensitivity:
    """Cut every site alone to every rank on offer, all others left at the calibrated rank.

    With `finetune` each entry is a training run, so only leaving the site out is measured there and the ranks
    between are interpolated on a square root, which is how the loss of a cut falls in the published curves.
    """
    problem = history.problem
    cuts = history.problem.settings.evaluator == "truncate"
    top = calibration.rank if cuts else found.rank
    base = problem.uniform(top)
    ranks = _ranks_on_offer(top) if cuts else [0]
    plans = {(site, rank): base.replace(site, rank) for site in range(len(base)) for rank in ranks if rank < base[site]}
    search_scores(history, calibration, [base, *plans.values()])
    reference = _losses(history, calibration, base)
    losses = tuple(
        _site_loss(site, rank, _losses(history, calibration, plan), reference, problem.settings.seed)
        for (site, rank), plan in plans.items()
    )
    table = [{base[site]: 0.0} for site in range(len(base))]
    for one in losses:
        table[one.site][one.rank] = one.loss
    if not cuts:
        table = [_interpolated(offers, top) for offers in table]
    return Sensitivity(base, losses, tuple(table))


def _ranks_on_offer(top: int) -> list[int]:
    return [0, *(1 << power for power in range(top.bit_length()) if 1 << power < top)]


def _losses(history: History, calibration: Calibration, plan: RankPlan) -> Floats | None:
    finished = [trial for trial in history.need(search_specs(history, calibration, plan)) if trial]
    return np.mean([history.losses(trial) for trial in finished], axis=0) if finished else None


def _site_loss(site: int, rank: int, losses: Floats | None, reference: Floats | None, seed: int) -> SiteLoss:
    if losses is None or reference is None:
        return SiteLoss(site, rank, float("inf"), float("-inf"), float("inf"))
    increase = losses - reference
    low, high = mean_interval(increase, seed=seed, resamples=RESAMPLES)
    return SiteLoss(site, rank, float(increase.mean()), low, high)


def _interpolated(offers: dict[int, float], top: int) -> dict[int, float]:
    without = offers.get(0, 0.0)
    return offers | {rank: without * (1 - (rank / top) ** 0.5) for rank in _ranks_on_offer(top) if rank}
