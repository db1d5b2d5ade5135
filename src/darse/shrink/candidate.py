"""Losses of cuts on validation, beside those of the uncut adapter, to which of them hold and which is taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

import numpy as np

from darse.evaluate.losses import Floats
from darse.evaluate.paired import mean_intervals
from darse.ranks.plan import RankPlan
from darse.search.calibrate import UNKNOWN_NOISE
from darse.settings import Objective

UNCUT: Final = "uncut"
RECOVERED: Final = "recovered"


@dataclass(frozen=True, slots=True)
class WeighedCut:
    """A plan over modules and how it does on validation.

    Attributes:
        plan: Rank of each adapted module.
        cost: Its parameters.
        origins: Who proposed it; `uncut` for the adapter itself, `recovered` after a short training.
        loss: Its mean search loss on validation.
        increase: How much that is above the uncut adapter's.
        low: Lower end of the 95 % interval of the increase, over rows.
        high: Upper end.
        margin: Increase that still counts as not worse.
        noise: Increase that training again with another seed could bring as well.
    """

    plan: RankPlan
    cost: int
    origins: tuple[str, ...]
    loss: float
    increase: float
    low: float
    high: float
    margin: float
    noise: float

    @property
    def holds(self) -> bool:
        """Whether its increase is within the margin, and surely within the noise."""
        return self.increase <= self.margin and self.high <= max(self.margin, self.noise)


def weigh(
    plans: Sequence[tuple[RankPlan, int, tuple[str, ...]]],
    losses: Sequence[Floats],
    uncut: Floats,
    *,
    margin: float,
    seed: int,
) -> list[WeighedCut]:
    """Compare cuts with the uncut adapter, row by row.

    Args:
        plans: Plan, cost and origins of each.
        losses: Its search losses, shape (rows,).
        uncut: Those of the uncut adapter.
        margin: Part of the uncut adapter's loss that still counts as not worse.
        seed: Of the resampling.
    """
    if not plans:
        return []
    increases = np.stack(losses) - uncut
    intervals = mean_intervals(increases, seed=seed)
    level = abs(float(uncut.mean()))
    allowed, noise = margin * level, UNKNOWN_NOISE * level
    return [
        WeighedCut(plan, cost, origins, float(own.mean()), float(increase.mean()), low, high, allowed, noise)
        for (plan, cost, origins), own, increase, (low, high) in zip(plans, losses, increases, intervals, strict=True)
    ]


def choose(candidates: Sequence[WeighedCut], objective: Objective) -> tuple[WeighedCut, bool]:
    """The cut that is taken, and whether it has to be trained on before anybody believes in it.

    A plan counts as holding only if every larger one of the same origin, of each of its origins, holds, too: of many
    small plans one may do well by luck.

    Args:
        candidates: All within the budget, the uncut adapter among them if it is.
        objective: `smallest`: the smallest that holds, and where none does the one of the least loss, to be trained on.
            `best`: the one of the least loss, to be trained on.
    """
    cuts = [one for one in candidates if UNCUT not in one.origins]
    holding = _holding(cuts)
    if objective == "smallest" and holding:
        return min(holding, key=lambda one: (one.cost, one.loss)), False
    pool = cuts if objective == "smallest" and cuts else candidates
    return min(pool, key=lambda one: (one.loss, one.cost)), True


def _holding(cuts: Sequence[WeighedCut]) -> list[WeighedCut]:
    falling = sorted(cuts, key=lambda one: -one.cost)
    chains: dict[str, list[WeighedCut]] = {}
    for origin in dict.fromkeys(origin for one in cuts for origin in one.origins):
        chain = (one for one in falling if origin in one.origins)
        chains[origin] = list(takewhile(lambda one: one.holds, chain))
    return [one for one in falling if all(one in chains[origin] for origin in one.origins)]
