"""The runs behind a verdict are full ones, seeds rising; variants of the plan stand beside them for export."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from darse.ranks.plan import RankPlan, cost
from darse.search.allocate import Allocation, Candidate
from darse.search.controls import Control
from darse.search.history import Floats, History, Problem
from darse.search.uniform import Fine
from darse.search.verify import Verified, best_uniform, variant_specs, verify
from darse.settings import SearchSettings
from darse.store.trial import Outcome, Trial, TrialSpec

from .memory import explored
from .worlds import CONTEXT, EPOCHS, ROWS, World, layers, problem
from .written import a_calibration, asked_of

RATE = 1e-3
PLAN, UNIFORM, OTHER = RankPlan((0, 2)), RankPlan((2, 2)), RankPlan((2, 0))
VERIFIED = Verified(
    PLAN, (Control("best uniform", UNIFORM), Control("shuffled", OTHER)), (0, 1, 2), (RATE,) * 3, None, 3
)


def a_trial(spec: TrialSpec) -> Trial:
    return Trial(spec.id(CONTEXT), spec, Outcome(0.5, {}, ""))


def test_runs_are_those_of_the_verdict_alone_seeds_rising_and_untrained_controls_left_out() -> None:
    full = TrialSpec(PLAN, 0, RATE, EPOCHS)
    wanted = [replace(full, plan=UNIFORM), *(replace(full, seed=seed) for seed in (2, 0))]
    others = [
        replace(full, seed=3),
        replace(full, epochs=EPOCHS - 1),
        replace(full, learning_rate=2 * RATE),
        replace(full, plan=RankPlan((1, 1))),
        replace(full, evaluator="recover", parents=("p",)),
        TrialSpec(OTHER, 0, 0.0, 0, "truncate", ("p",)),
    ]

    found = VERIFIED.runs([a_trial(spec) for spec in (*others, *wanted)], EPOCHS)

    assert [(plan, [run.spec.seed for run in runs]) for plan, runs in found.items()] == [(PLAN, [0, 2]), (UNIFORM, [0])]
    assert {run.spec for runs in found.values() for run in runs} == set(wanted)


CURVE = dict.fromkeys((1, 2, 4, 5, 8, 16), 1.0)


@pytest.mark.parametrize(("honest_from", "expected"), [(1, 1), (3, 4), (16, 16)])
def test_the_rank_that_fine_proposes_has_to_hold_in_full_runs_or_a_higher_one_is_asked(
    honest_from: int, expected: int
) -> None:
    given = problem(layers(4), evaluator="truncate")

    def scores(spec: TrialSpec) -> float:
        return 1.0 if spec.plan[0] >= honest_from else 2.0

    found, _ = asked_of(lambda history: best_uniform(history, a_calibration(given), Fine(1, CURVE)), given, scores)
    assert found == given.uniform(expected)


def test_full_runs_are_spent_on_ranks_half_as_large_again_at_the_least() -> None:
    given = problem(layers(4), evaluator="truncate")
    found, asked = asked_of(
        lambda history: best_uniform(history, a_calibration(given), Fine(4, CURVE)),
        given,
        lambda spec: 1.0 if spec.plan[0] == 16 else 2.0,
    )
    assert found == given.uniform(16)
    assert {spec.plan[0] for spec in asked} == {4, 8, 16}


@pytest.mark.parametrize("options", [{}, {"evaluator": "finetune"}, {"preset": "paper"}])
def test_variants_are_the_mean_of_the_plans_own_runs_and_a_recovered_cut_of_half_a_run(options: dict[str, str]) -> None:
    findings, memory = explored(problem(layers(4), **options), World(4))
    assert findings.verify is not None
    assert findings.calibrate is not None
    verified, is_cut = findings.verify, not options
    assert len(verified.variants) == 2 * is_cut
    if is_cut:
        soup, recovered = verified.variants
        runs = verified.runs(memory.finished.values(), EPOCHS)[verified.plan]
        assert soup == TrialSpec(verified.plan, 0, 0.0, 0, "recover", tuple(run.id for run in runs))
        half, parents = EPOCHS // 2, findings.calibrate.parents
        assert recovered == TrialSpec(verified.plan, 0, verified.learning_rates[0], half, "recover", parents)
        assert {soup.id(CONTEXT), recovered.id(CONTEXT)} <= set(memory.finished)


def test_a_plan_that_is_a_little_worse_than_what_is_a_little_worse_is_not_the_smallest_that_holds() -> None:
    given = problem(layers(4), evaluator="finetune", objective="smallest")
    creeping, good, reference = RankPlan((0, 1, 0, 0)), RankPlan((0, 1, 1, 0)), given.uniform(1)
    losses = {given.uniform(16): 1.0, reference: 1.007, good: 1.006, creeping: 1.014}
    plans = [Candidate(plan, cost(plan, given.sites), losses[plan], "window") for plan in (reference, good, creeping)]
    allocation = Allocation(10**9, tuple(plans), tuple(plans), None)
    found, _ = asked_of(
        lambda history: verify(history, a_calibration(given), Fine(1, CURVE), allocation),
        given,
        lambda spec: losses.get(spec.plan, 2.0),
    )
    assert found.plan == good


@pytest.mark.parametrize(("placed_loss", "is_affordable"), [(1.1, True), (0.9, True), (1.1, False)])
def test_a_plan_that_real_runs_show_to_be_worse_than_the_best_uniform_one_is_not_found(
    placed_loss: float, is_affordable: bool
) -> None:
    given = problem(layers(4), evaluator="finetune", objective="best")
    placed, reference = RankPlan((0, 2, 0, 0)), given.uniform(1)
    given = replace(given, budget=cost(reference if is_affordable else placed, given.sites))
    losses = {reference: 1.0, placed: placed_loss}
    one = Candidate(placed, cost(placed, given.sites), 0.5, "knapsack")
    found, _ = asked_of(
        lambda history: verify(history, a_calibration(given), Fine(1, CURVE), Allocation(10**9, (one,), (one,), None)),
        given,
        lambda spec: losses.get(spec.plan, 2.0),
    )
    assert found.plan == (reference if is_affordable and placed_loss > 1.0 else placed)


def test_a_plan_of_one_run_has_no_mean_and_one_epoch_has_no_half() -> None:
    given = Problem(layers(4), SearchSettings(), 1, None, CONTEXT)
    one = a_trial(TrialSpec(RankPlan((2, 0, 0, 0)), 0, RATE, 1))
    assert variant_specs(History(given, {one.id: one}), a_calibration(given), one.spec.plan) == ()


def test_the_proxy_is_correlated_over_the_plans_that_were_trained_but_the_calibrated_one() -> None:
    findings, memory = explored(problem(layers(4)), World(4))
    assert findings.verify is not None
    assert findings.calibrate is not None
    rate = findings.calibrate.rate
    trained = {
        trial.spec.plan
        for trial in memory.finished.values()
        if trial.spec.epochs == EPOCHS and trial.spec.learning_rate == rate(trial.spec.plan) and trial.spec.plan.active
    }
    assert (16,) * 4 in {plan.ranks for plan in trained}
    assert findings.verify.proxy_plans == len(trained) - 1


@pytest.mark.parametrize(("sign", "wanted"), [(1.0, 1.0), (-1.0, -1.0)])
def test_the_correlation_has_the_sign_of_the_agreement(sign: float, wanted: float) -> None:
    """A world in which cuts rank plans exactly as full runs do, or exactly the other way round."""

    @dataclass(frozen=True)
    class Turned(World):
        def losses(self, spec: TrialSpec) -> Floats:
            level = self.level(spec.plan)
            return np.full(ROWS, level if spec.epochs else 3.0 + sign * level)

    findings, _ = explored(problem(layers(4), strategy="window"), Turned(4, scale=6.0))
    assert findings.verify is not None
    assert findings.verify.proxy_plans >= 3
    assert findings.verify.proxy_correlation == pytest.approx(wanted)


@pytest.mark.parametrize("number", [1, 3, 5])
def test_the_correlation_of_cuts_is_that_of_their_scores_with_the_mean_of_full_runs(number: int) -> None:
    findings, memory = explored(problem(layers(4)), World(4, noise=0.3, number=number))
    verified, calibration = findings.verify, findings.calibrate
    assert verified is not None
    assert calibration is not None
    cuts: dict[RankPlan, float] = {}
    runs: dict[RankPlan, list[float]] = {}
    for name, trial in memory.finished.items():
        spec, score = trial.spec, trial.outcome.score
        if spec.evaluator == "truncate":
            cuts[spec.plan] = score
        is_full = (spec.evaluator, spec.epochs) == ("finetune", EPOCHS) and bool(spec.plan.active)
        if is_full and spec.learning_rate == calibration.rate(spec.plan) and name not in calibration.parents:
            runs.setdefault(spec.plan, []).append(score)
    plans = [plan for plan in runs if plan in cuts]
    expected = spearmanr([cuts[plan] for plan in plans], [np.mean(runs[plan]) for plan in plans]).statistic
    assert len(plans) >= 4
    assert abs(expected) < 0.99
    assert verified.proxy_correlation == pytest.approx(expected)
