"""All trials of a study to what each site's rank is worth, by a ridge regression, with bootstrap intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darse.analysis.studied import Studied
from darse.evaluate.losses import Floats
from darse.search.result import Result
from darse.seeds import numpy_stream
from darse.store.trial import TRAINER, Trial

RESAMPLES = 1000
PENALTIES = tuple(float(value) for value in 10.0 ** np.arange(-3, 3))
"""Of the ridge, on log2(1 + rank); the best by leave-one-out error is taken."""
_TAILS = (2.5, 97.5)
_WORK = 2 * 10**10
"""Products that all resamples may take together; a study of very many sites gets fewer resamples, and 100 at least."""


@dataclass(frozen=True, slots=True)
class Importance:
    """What a site's rank is worth.

    Attributes:
        site: Index of the site.
        worth: Loss that the model says is saved each time 1 + rank doubles; below 0 if rank there does harm.
        low: Lower end of the 95 % bootstrap interval over trials.
        high: Upper end.
    """

    site: int
    worth: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Importances:
    """What the ranks of all sites are worth.

    Attributes:
        sites: One for each site.
        trials: Trials behind it.
        plans: Different plans among them.
        explained: Part of the variance of the loss that the model explains in trials that it was not fitted on (those
            that a resample left out), the mean over the resamples; below 0 it says nothing. None where every trial is
            too much alike to tell.
    """

    sites: tuple[Importance, ...]
    trials: int
    plans: int
    explained: float | None


def importances(study: Studied, *, resamples: int = RESAMPLES) -> Importances | None:
    """What each site's rank is worth over all trials; None where there are too few plans to tell.

    The model is stated in full: within trials made in one way (full runs, short runs, cuts), the loss is a constant
    less the sum over the sites of worth x log2(1 + rank), fitted by ridge regression. It is additive, so it knows
    nothing of sites that make up for each other; and the search chose its trials, so that ranks which it never varied
    alone share what they are worth. Runs at another learning rate than that of their rank are left out. Optuna's
    fANOVA, which is not additive, is there by `darse mirror --to optuna`.

    Args:
        study: A study with a result, or one whose trials have plans of one length.
        resamples: Of the bootstrap over trials.
    """
    trials = _comparable(study)
    plans = {trial.spec.plan for trial in trials}
    width = len(trials[0].spec.plan) if trials else 0
    if len(plans) < width + 2:
        return None
    ranks = np.log2(1.0 + np.array([trial.spec.plan.ranks for trial in trials], dtype=np.float64))
    losses = np.array([trial.outcome.score for trial in trials])
    groups = _groups(trials)
    penalty = min(PENALTIES, key=lambda one: _left_out_error(ranks, losses, groups, one))
    worth = -_fit(ranks, losses, groups, np.ones(len(trials)), penalty)[0]
    resamples = min(resamples, max(100, _WORK // (len(trials) * width**2)))
    drawn, explained = _resampled(ranks, losses, groups, penalty, resamples)
    lows, highs = np.percentile(drawn, _TAILS, axis=0)
    sites = tuple(Importance(site, float(worth[site]), float(lows[site]), float(highs[site])) for site in range(width))
    return Importances(sites, len(trials), len(plans), explained)


def _comparable(study: Studied) -> list[Trial]:
    """Trials whose losses ranks alone should explain."""
    trials = [one for one in study.trials if math.isfinite(one.outcome.score) and one.spec.evaluator != TRAINER]
    if study.result is not None:
        trials = [one for one in trials if _has_own_rate(one, study.result)]
    width = len(trials[0].spec.plan) if trials else 0
    return [one for one in trials if len(one.spec.plan) == width]


def _has_own_rate(trial: Trial, result: Result) -> bool:
    calibration = result.findings.calibrate
    return calibration is None or trial.spec.learning_rate in {0.0, calibration.rate(trial.spec.plan)}


def _groups(trials: Sequence[Trial]) -> NDArray[np.int64]:
    """How each trial was made, as a number."""
    kinds = [(trial.spec.evaluator, trial.spec.epochs) for trial in trials]
    known = {kind: place for place, kind in enumerate(dict.fromkeys(kinds))}
    return np.array([known[kind] for kind in kinds])


def _fit(
    ranks: Floats, losses: Floats, groups: NDArray[np.int64], weights: Floats, penalty: float
) -> tuple[Floats, Floats]:
    """Coefficients, shape (sites,), and the constant of each group, of a weighted ridge."""
    one_hot = (groups[:, None] == np.arange(groups.max() + 1)) * weights[:, None]
    totals = np.maximum(one_hot.sum(axis=0), 1e-12)
    rank_means, loss_means = (one_hot.T @ ranks) / totals[:, None], (one_hot.T @ losses) / totals
    x, y = ranks - rank_means[groups], losses - loss_means[groups]
    gram = (x * weights[:, None]).T @ x + penalty * np.eye(x.shape[1])
    coefficients: Floats = np.linalg.solve(gram, (x * weights[:, None]).T @ y)
    constants: Floats = loss_means - rank_means @ coefficients
    return coefficients, constants


def _left_out_error(ranks: Floats, losses: Floats, groups: NDArray[np.int64], penalty: float) -> float:
    """Mean squared error of trials that the ridge was not fitted on: one left out at a time, by its leverage."""
    coefficients, constants = _fit(ranks, losses, groups, np.ones(len(losses)), penalty)
    sizes = np.bincount(groups)
    means = np.stack([ranks[groups == group].mean(axis=0) for group in range(len(sizes))])
    x = ranks - means[groups]
    inverse = np.linalg.inv(x.T @ x + penalty * np.eye(x.shape[1]))
    leverage = np.einsum("ij,jk,ik->i", x, inverse, x) + 1 / sizes[groups]
    errors = losses - constants[groups] - ranks @ coefficients
    return float(np.mean((errors / np.maximum(1e-6, 1 - leverage)) ** 2))


def _resampled(
    ranks: Floats, losses: Floats, groups: NDArray[np.int64], penalty: float, resamples: int
) -> tuple[Floats, float | None]:
    """Worths of resamples of the trials, shape (resamples, sites), and what is explained of those left out."""
    count = len(losses)
    stream = numpy_stream(0, "importance")
    drawn = np.empty((resamples, ranks.shape[1]))
    explained = []
    for place in range(resamples):
        counts = stream.multinomial(count, np.full(count, 1 / count)).astype(np.float64)
        coefficients, constants = _fit(ranks, losses, groups, counts, penalty)
        drawn[place] = -coefficients
        present = np.bincount(groups, weights=counts) > 0
        aside = (counts == 0) & present[groups]
        if (variance := _within(losses[aside], groups[aside])) > 0:
            errors = losses - constants[groups] - ranks @ coefficients
            explained.append(1 - float(np.mean(errors[aside] ** 2)) / variance)
    return drawn, float(np.mean(explained)) if explained else None


def _within(losses: Floats, groups: NDArray[np.int64]) -> float:
    """Variance around the means of the groups."""
    if len(losses) < 2:
        return 0.0
    sums, sizes = np.bincount(groups, weights=losses), np.maximum(np.bincount(groups), 1)
    return float(np.mean((losses - (sums / sizes)[groups]) ** 2))
