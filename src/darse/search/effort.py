"""Settings, and what is done already, to how much work a complete search is."""

from __future__ import annotations

from darse.search.calibrate import NOISE_SEEDS, is_rate_of_rank
from darse.settings import Settings

_WALKED_RATES = 3
"""Learning rates that calibrate usually visits."""
_LOW_RATES = 2
"""Those that it usually visits at the lowest rank."""
_PROVED_PLANS = 6
"""The finding and its controls, each trained with every seed."""
_REFUSED_RUNS = 3
"""Full runs of ranks and finalists that turn out not to hold."""
_FULL_SEARCH_RUNS = 15
"""Plans that a search without cheap estimates trains in full."""


def complete_runs(settings: Settings) -> int:
    """How many full runs' work a complete search is, roughly (docs/explore.md#how-long-it-takes).

    >>> complete_runs(Settings())
    28
    """
    search = settings.search
    walked = min(len(search.learning_rates), _WALKED_RATES)
    has_low_walk = is_rate_of_rank(search, search.max_rank)
    calibrate = walked + _LOW_RATES * has_low_walk + min(search.seeds, NOISE_SEEDS) - 1
    compared = _REFUSED_RUNS if search.is_cut else _FULL_SEARCH_RUNS
    return calibrate + _PROVED_PLANS * search.seeds + compared


def seconds_left(settings: Settings, *, runs: int, run_seconds: float, spent_s: float) -> float | None:
    """About how long a search that is under way still takes; None before its first run has ended.

    Args:
        settings: Of the study.
        runs: Training runs that have ended.
        run_seconds: What they took in all.
        spent_s: Seconds of evaluation so far, which `max_minutes` counts.

    >>> seconds_left(Settings(), runs=8, run_seconds=80.0, spent_s=90.0)
    200.0
    """
    if not runs:
        return None
    search, run_s = settings.search, run_seconds / runs
    wanted = complete_runs(settings) if search.max_trials is None else min(complete_runs(settings), search.max_trials)
    left = max(0.0, (wanted - runs) * run_s)
    return left if search.max_minutes is None else min(left, max(0.0, 60 * search.max_minutes - spent_s))
