"""What sites lose to whether another half of the validation rows would put them in the same order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import kendalltau

from darse.analysis.studied import Studied
from darse.evaluate.losses import Floats
from darse.search.scoring import search_spec
from darse.search.sensitivity import Sensitivity
from darse.seeds import numpy_stream
from darse.store.protocol import Store
from darse.store.trial import Trial

STABLE = 0.7
"""Kendall's tau below which an order of sites is called unstable."""
SPLITS = 200
_FEWEST_SITES = 3


@dataclass(frozen=True, slots=True)
class Stability:
    """How well two halves of the validation rows agree on the order of the sites.

    Attributes:
        tau: Kendall's tau (b) between the orders of two random halves, the mean over many splits.
        low: The tenth percentile over the splits.
        high: The ninetieth.
        sites: Sites that are ordered.
        rows: Validation rows, both halves together.
    """

    tau: float
    low: float
    high: float
    sites: int
    rows: int

    @property
    def is_stable(self) -> bool:
        """Whether the order is to be relied on."""
        return self.tau >= STABLE


def stability_of(study: Studied, store: Store) -> Stability | None:
    """How stable the order of the sites is by what leaving each out adds to the loss; None where it is not measured.

    Args:
        study: The study.
        store: Where its losses are, open.
    """
    increases = left_out_increases(study, store)
    return None if increases is None else split_half(increases)


def left_out_increases(study: Studied, store: Store) -> Floats | None:
    """What leaving out each site adds to the loss of each row, shape (sites, rows); None where it is not measured."""
    result = study.result
    calibration = None if result is None else result.findings.calibrate
    allocation = None if result is None else result.findings.allocate
    if calibration is None or allocation is None or allocation.sensitivity is None:
        return None
    history, sensitivity = study.history(store), allocation.sensitivity
    whole = history.find(search_spec(history, calibration, sensitivity.base))
    cuts = [
        history.find(search_spec(history, calibration, sensitivity.base.replace(site, 0)))
        for site in _ordered(sensitivity)
    ]
    if whole is None or not cuts or any(cut is None for cut in cuts):
        return None
    return _stacked(study, whole, [cut for cut in cuts if cut is not None])


def split_half(increases: Floats, *, splits: int = SPLITS) -> Stability | None:
    """How well random halves of the rows agree; None for fewer than three sites or four rows.

    A split in which one half cannot order the sites at all counts as no agreement.

    Args:
        increases: Shape (sites, rows).
        splits: How many.
    """
    sites, rows = increases.shape
    if sites < _FEWEST_SITES or rows < 4:
        return None
    stream = numpy_stream(0, "split half")
    taus = []
    for _ in range(splits):
        order = stream.permutation(rows)
        halves = (increases[:, half].mean(axis=1) for half in (order[: rows // 2], order[rows // 2 :]))
        tau = float(kendalltau(*halves).statistic)
        taus.append(0.0 if math.isnan(tau) else tau)
    low, high = np.percentile(taus, (10, 90))
    return Stability(float(np.mean(taus)), float(low), float(high), sites, rows)


def _ordered(sensitivity: Sensitivity) -> list[int]:
    return sorted({one.site for one in sensitivity.losses if one.rank == 0})


def _stacked(study: Studied, whole: Trial, cuts: Sequence[Trial]) -> Floats:
    reference = study.losses(whole)
    increases: Floats = np.stack([study.losses(cut) - reference for cut in cuts])
    return increases
