"""Last stage: finalists trained for real, one chosen on validation, and its controls trained beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from darse.errors import TrialError
from darse.ranks.budget import largest_uniform_rank
from darse.ranks.plan import RankPlan, Site, cost, is_uniform
from darse.search.allocate import Allocation, Candidate
from darse.search.calibrate import Calibration
from darse.search.controls import Control, controls_for
from darse.search.history import History
from darse.search.scoring import (
    full_scores,
    full_spec,
    holds,
    mean_score,
    search_scores,
)
from darse.search.uniform import Fine
from darse.store.trial import Trial, TrialSpec

BEST_FINALISTS = 2
"""Finalists that objective `best` trains with every seed."""
_STEP = 1.5
"""Factor between uniform ranks that full runs are spent on."""


@dataclass(frozen=True, slots=True)
class Verified:
    """Finding of verify.

    Attributes:
        plan: The plan that was chosen, on validation.
        controls: What it is judged against.
        seeds: Seeds of every run.
        learning_rates: Of the plan's runs and then of each control's.
        proxy_correlation: Spearman correlation of the cuts that chose the finalists with the mean score of full runs,
            over all plans that were trained in full, the calibrated one left out; None for fewer than three plans, or
            where every score was a full run.
        proxy_plans: How many plans it is over.
        variants: Cheap further adapters of the plan (`variant_specs`), one of which is exported if it is the best.
    """

    plan: RankPlan
    controls: tuple[Control, ...]
    seeds: tuple[int, ...]
    learning_rates: tuple[float, ...]
    proxy_correlation: float | None
    proxy_plans: int
    variants: tuple[TrialSpec, ...] = ()

    def runs(self, trials: Iterable[Trial], epochs: int) -> dict[RankPlan, tuple[Trial, ...]]:
        """The finished full runs of the plan and then of each control that has any, seeds in rising order.

        Args:
            trials: Finished trials.
            epochs: Of a full run.
        """
        by_spec = {trial.spec: trial for trial in trials}
        found: dict[RankPlan, tuple[Trial, ...]] = {}
        plans = (self.plan, *(control.plan for control in self.controls))
        for plan, rate in zip(plans, self.learning_rates, strict=True):
            specs = [TrialSpec(plan, seed, rate, epochs) for seed in self.seeds]
            if runs := tuple(by_spec[spec] for spec in specs if spec in by_spec):
                found[plan] = runs
        return found


def verify(history: History, calibration: Calibration, found: Fine, allocation: Allocation) -> Verified:
    """Choose a finalist by real runs, then train its controls with the same seeds.

    Raises:
        TrialError: No plan within the budget could be trained.
    """
    problem = history.problem
    reference = best_uniform(history, calibration, found)
    if problem.settings.objective == "best":
        plan = _best(history, calibration, allocation, reference)
    else:
        plan = _smallest(history, calibration, found, allocation, reference)
    plan = _trained(history, calibration, allocation, [plan, reference])
    seeds = tuple(range(problem.settings.seeds))
    controls = controls_for(
        plan,
        problem.sites,
        best_uniform=reference,
        best_layer_wise=_best_layer_wise(allocation, problem.sites, cost(plan, problem.sites)),
        has_head=problem.has_head,
        seed=problem.settings.seed,
    )
    plans = [plan, *(control.plan for control in controls)]
    # where a limit will come, two plans of several seeds say more than many plans of one
    history.need(
        full_spec(history, calibration, one, seed) for part in (plans[:2], plans) for seed in seeds for one in part
    )
    variants = variant_specs(history, calibration, plan)
    history.need(variants)
    proxy = _proxy_correlation(history, calibration)
    return Verified(plan, controls, seeds, tuple(map(calibration.rate, plans)), *proxy, variants)


def variant_specs(history: History, calibration: Calibration, plan: RankPlan) -> tuple[TrialSpec, ...]:
    """Trials of adapters that cost little beside the runs that are there already.

    The soup: the mean of the plan's own runs over all seeds, cut back to its ranks (arXiv 2203.05482). The recovered
    cut: the mean of the calibrated runs of the highest rank, cut to the plan and trained on for half a run at the most.
    Both stand beside the plan's runs only for the export. The verdict is on the plan, so on its runs alone.
    """
    problem = history.problem
    if not problem.settings.is_cut or not plan.active:
        return ()
    runs = (history.find(full_spec(history, calibration, plan, seed)) for seed in range(problem.settings.seeds))
    own = tuple(run.id for run in runs if run)
    soup = [TrialSpec(plan, 0, 0.0, 0, "recover", own)] if len(own) > 1 else []
    half, parents = replace(full_spec(history, calibration, plan, 0), epochs=problem.epochs // 2), calibration.parents
    recovered = [replace(half, evaluator="recover", parents=parents)] if half.epochs and parents else []
    return (*soup, *recovered)


def best_uniform(history: History, calibration: Calibration, found: Fine) -> RankPlan:
    """The uniform plan where quality saturates, as far as the budget allows one, rank 1 at the least.

    With `truncate` fine has read it off cuts; its full runs, which every comparison needs, have to hold against the
    runs that were cut, or a rank half as large again at the least is asked.
    """
    problem = history.problem
    highest = calibration.rank if problem.settings.is_cut else found.rank
    if problem.budget is not None:
        highest = min(highest, largest_uniform_rank(problem.sites, problem.budget))
    whole, wanted = problem.uniform(calibration.rank), float(found.rank)
    for rank in sorted(found.curve):
        if wanted <= rank < highest:
            if holds(history, calibration, problem.uniform(rank), whole, seeds=calibration.noise_seeds):
                return problem.uniform(rank)
            wanted = _STEP * rank
    return problem.uniform(max(1, highest))


def _best_layer_wise(allocation: Allocation, sites: Sequence[Site], limit: int) -> RankPlan | None:
    """The best candidate that is not uniform, of those that cost no more than a limit if there are any."""
    layer_wise = (one for one in allocation.candidates if not is_uniform(one.plan, sites))
    scored = [one for one in layer_wise if math.isfinite(one.score)]
    scored = [one for one in scored if one.cost <= limit] or scored
    return min(scored, key=lambda one: (one.score, one.cost)).plan if scored else None


def _best(history: History, calibration: Calibration, allocation: Allocation, reference: RankPlan) -> RankPlan:
    """The plan of the best mean score, over the seeds that all of them have if there are any.

    The finalists and, within the budget, the best uniform plan, which is trained with every seed in any case: what real
    runs show to be worse than that is not found, however well it was cut.
    """
    order = sorted(allocation.finalists, key=lambda one: (one.score, one.cost))[:BEST_FINALISTS]
    sites, budget = history.problem.sites, history.problem.budget
    is_affordable = budget is None or cost(reference, sites) <= budget
    plans = list(dict.fromkeys([*(one.plan for one in order), *([reference] if is_affordable else [])]))
    seeds = range(history.problem.settings.seeds)
    history.need(full_spec(history, calibration, plan, seed) for seed in seeds for plan in plans)
    scores = np.array([full_scores(history, calibration, plan, seeds) for plan in plans])
    paired = np.isfinite(scores).all(axis=0)
    means = [mean_score((row[paired] if paired.any() else row).tolist()) for row in scores]
    return min(zip(means, plans, strict=True), key=lambda entry: (entry[0], cost(entry[1], sites)))[1]


def _smallest(
    history: History, calibration: Calibration, found: Fine, allocation: Allocation, reference: RankPlan
) -> RankPlan:
    """The smallest finalist that holds against the best uniform plan and against the calibrated one (`holds`).

    The best uniform plan was itself let pass a little worse than the calibrated one; a finalist that had to hold
    against it alone could be worse by twice as much (a creep that non-inferiority trials know: D'Agostino, Massaro and
    Sullivan 2003).

    The ladder of sizes is walked from the smallest finalist that should hold by what cuts say: up until one does, then
    down as long as smaller ones do, so that limits end it with a plan that has held. If none holds, the reference
    itself is the finding, or the best of the trained finalists if it is beyond the budget.
    """
    problem, seeds = history.problem, history.problem.settings.seeds
    limit_cost = cost(reference, problem.sites)
    steps: list[Candidate] = sorted(
        (one for one in allocation.finalists if one.cost < limit_cost), key=lambda one: one.cost
    )
    (least,) = search_scores(history, calibration, [reference]).values()
    limit = calibration.noise_floor * math.sqrt(2 / seeds)
    should_hold = (place for place, one in enumerate(steps) if found.real_part * (one.score - least) <= limit)
    place = next(should_hold, max(0, len(steps) - 1))

    def does_hold(step: int) -> bool:
        plan, whole = steps[step].plan, problem.uniform(calibration.rank)
        return holds(history, calibration, plan, reference, seeds=seeds) and holds(
            history, calibration, plan, whole, seeds=calibration.noise_seeds
        )

    while place < len(steps) and not does_hold(place):
        place += 1
    while 0 < place < len(steps) and does_hold(place - 1):
        place -= 1
    if place < len(steps):
        return steps[place].plan
    is_affordable = problem.budget is None or limit_cost <= problem.budget
    return reference if is_affordable else _best(history, calibration, allocation, reference)


def _trained(
    history: History, calibration: Calibration, allocation: Allocation, preferred: Sequence[RankPlan]
) -> RankPlan:
    """The first plan within the budget that was trained; where limits left none, the first that can be, is."""
    sites, seeds = history.problem.sites, range(history.problem.settings.seeds)
    candidates = (one.plan for one in sorted(allocation.candidates, key=lambda one: (one.score, one.cost)))
    budget = history.problem.budget
    plans = [plan for plan in dict.fromkeys((*preferred, *candidates)) if budget is None or cost(plan, sites) <= budget]
    for plan in plans:
        if any(history.need(full_spec(history, calibration, plan, seed) for seed in seeds)):
            return plan
    for plan in plans:
        if history.insist(full_spec(history, calibration, plan, 0)) is not None:
            return plan
    within = "" if budget is None else f" within the budget of {budget:,} parameters"
    raise TrialError(f"no plan{within} could be trained")


def _proxy_correlation(history: History, calibration: Calibration) -> tuple[float | None, int]:
    """Of cuts with full runs, and over how many plans."""
    if not history.problem.settings.is_cut or not calibration.parents:
        return None, 0
    trained: dict[RankPlan, list[float]] = {}
    for trial in sorted(history.trials.values(), key=lambda trial: (trial.spec.plan, trial.spec.seed)):
        # a cut of a plan to itself, and the head alone, which lies far off, would flatter any proxy
        is_fair = trial.spec.plan.active and trial.id not in calibration.parents
        if is_fair and _is_full(trial.spec, calibration, history.problem.epochs):
            trained.setdefault(trial.spec.plan, []).append(trial.outcome.score)
    truth = {plan: mean_score(scores) for plan, scores in trained.items()}
    return _rank_correlation(search_scores(history, calibration, list(truth)), truth)


def _rank_correlation(proxy: dict[RankPlan, float], truth: dict[RankPlan, float]) -> tuple[float | None, int]:
    """Spearman's, and over how many plans; None where they are too few or all alike."""
    pairs = [(proxy[plan], score) for plan, score in truth.items() if math.isfinite(proxy[plan])]
    ours, theirs = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    if len(pairs) < 3 or len(set(ours)) == 1 or len(set(theirs)) == 1:
        return None, len(pairs)
    from scipy.stats import spearmanr  # here: it takes longer to load than all else that a search needs

    return float(spearmanr(ours, theirs).statistic), len(pairs)


def _is_full(spec: TrialSpec, calibration: Calibration, epochs: int) -> bool:
    is_tuned = spec.learning_rate == calibration.rate(spec.plan)
    return spec.evaluator == "finetune" and spec.epochs == epochs and is_tuned
