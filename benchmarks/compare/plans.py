"""Methods that train rank plans with our engine: a uniform plan, the head alone, and plans drawn by a sampler."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmarks.compare.results import Record
from benchmarks.compare.scale import BUDGET_RANK
from benchmarks.compare.stand import Chosen, Finished, Run, Stand, measured, tuned, with_all_seeds
from darse.errors import TrialError
from darse.execute.evaluator import Feedback
from darse.execute.finetune import Finetune
from darse.ranks.plan import RankPlan, Site, cost
from darse.store.trial import Trial, TrialSpec

if TYPE_CHECKING:  # an extra
    import optuna

_RANKS = (0, 1, 2, 4, 8, 16)
_DEFAULT_TRIALS = 24
_STARTING_DRAWS = 5
_LAST_WALK = 3
"""Runs that usually tune the learning rate of the plan that was found."""


def uniform(stand: Stand, *, rank: int) -> Record:
    """A uniform plan with a tuned learning rate; rank 0 trains the head alone."""

    def choose(stand: Stand) -> Chosen:
        plan = RankPlan.uniform(stand.bench.sites, rank)
        run = trains(stand, plan)
        first = tuned(run, stand.start)
        runs = with_all_seeds(stand, run, first)
        return _chosen(stand, plan, first.rate, runs, len(first.tried) + len(runs) - 1, {"tried": _named(first.tried)})

    return measured(stand, choose)


def sampled(stand: Stand, *, sampler: str) -> Record:
    """The best on validation of plans that a sampler draws, each run once at the learning rate of the uniform plan.

    The plan that is found then gets a learning rate of its own. A plan over the budget is cut to it: its highest ranks
    step down first. The runs that tune learning rates count.

    Args:
        stand: What the cell stands on; its needed cell says how many runs there are.
        sampler: `random` or `tpe`, of Optuna.
    """
    return measured(stand, lambda stand: _search(stand, sampler))


def trains(stand: Stand, plan: RankPlan) -> Run:
    """Runs of a plan with our engine."""

    def run(rate: float, seed: int) -> Finished:
        spec = TrialSpec(plan, seed, rate, stand.scale.epochs)
        bench = stand.bench
        outcome = Finetune(bench).evaluate(spec.id("compare"), spec, [], Feedback())
        weights = bench.trained_weights(Trial("", spec, outcome))
        return Finished(outcome.score, lambda: bench.logits(weights, "test", lambda: None))

    return run


def within(plan: RankPlan, sites: Sequence[Site], budget: int) -> RankPlan:
    """A plan cut to a budget: the highest rank, the lowest layer of equals, steps down until it fits."""
    while cost(plan, sites) > budget:
        highest = max(range(len(plan)), key=lambda site: plan[site])
        plan = plan.replace(highest, _RANKS[_RANKS.index(plan[highest]) - 1])
    return plan


def _search(stand: Stand, sampler: str) -> Chosen:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sites = stand.bench.sites
    uniform_plan = RankPlan.uniform(sites, BUDGET_RANK)
    budget = cost(uniform_plan, sites)
    trials = _trials(stand)
    first = tuned(trains(stand, uniform_plan), stand.start)
    made = len(first.tried)
    found: dict[RankPlan, Finished] = {uniform_plan: first.run}
    scores = {uniform_plan: first.run.score}
    study = optuna.create_study(sampler=_sampler(sampler))
    while made < trials - _LAST_WALK:
        trial = study.ask()
        ranks = [trial.suggest_categorical(f"site {place}", _RANKS) for place in range(len(sites))]
        plan = within(
            RankPlan(tuple(min(rank, site.max_rank) for rank, site in zip(ranks, sites, strict=True))), sites, budget
        )
        if plan not in scores:
            scores[plan] = math.inf
            try:
                found[plan] = trains(stand, plan)(first.rate, 0)
                scores[plan] = found[plan].score
            except TrialError:
                pass
        made += 1  # a plan drawn twice counts twice, as it would for Optuna
        if math.isfinite(scores[plan]):
            study.tell(trial, scores[plan])
        else:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        best = min(scores, key=lambda one: scores[one])
        found = {best: found[best]}
    (best,) = found
    last = first if best == uniform_plan else tuned(trains(stand, best), first.rate)
    made += 0 if last is first else len(last.tried)
    runs = with_all_seeds(stand, trains(stand, best), last)
    details: Record = {"tried": _named(first.tried), "tried_last": _named(last.tried), "plans": len(scores)}
    return _chosen(stand, best, last.rate, runs, made + len(runs) - 1, details)


def _sampler(name: str) -> optuna.samplers.BaseSampler:
    """TPE starts with fewer random draws than its ten by default, and other ones: there are a few dozen in all."""
    import optuna

    if name == "random":
        return optuna.samplers.RandomSampler(seed=0)
    return optuna.samplers.TPESampler(seed=1, n_startup_trials=_STARTING_DRAWS)


def _trials(stand: Stand) -> int:
    """As many runs as darse's own search made before its controls."""
    wanted = stand.given.get("search_runs", _DEFAULT_TRIALS)
    assert isinstance(wanted, int | float)
    return round(wanted)


def _chosen(
    stand: Stand, plan: RankPlan, rate: float, runs: Sequence[Finished], made: float, details: Record
) -> Chosen:
    parameters = cost(plan, stand.bench.sites)
    return Chosen(plan=str(plan), parameters=parameters, rate=rate, runs=runs, made=made, details=details)


def _named(tried: object) -> dict[str, float | None]:
    assert isinstance(tried, dict)
    return {f"{rate:g}": score if math.isfinite(score) else None for rate, score in tried.items()}
