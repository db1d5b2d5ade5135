"""The whole search with a made-up model: budgets, limits, failures, and no state but the history."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darse.errors import Interrupted, TrialError
from darse.ranks.plan import RankPlan, cost
from darse.search.driver import Listener
from darse.search.history import Problem, is_run
from darse.search.limits import SHARES, Limits
from darse.search.record import Record
from darse.search.stages import STAGES, Findings, advance
from darse.store.trial import CurvePoint, Failure, Outcome, Trial, TrialSpec

from .memory import Memory, explored
from .worlds import CONTEXT, EPOCHS, World, fits, layers, modules, problem

DEPTH = 4
SMALL = World(DEPTH)
STRATEGIES = [
    {"strategy": "auto"},
    {"strategy": "window"},
    {"strategy": "knapsack", "evaluator": "finetune"},
    {"strategy": "greedy", "evaluator": "finetune"},
    {"strategy": "greedy"},
    {"strategy": "auto", "objective": "best"},
    {"strategy": "greedy", "preset": "paper", "objective": "best"},
]


def runs_of(memory: Memory) -> list[Trial]:
    return [trial for trial in memory.finished.values() if is_run(trial.spec)]


def full_runs(memory: Memory, plan: RankPlan) -> list[Trial]:
    return [
        trial
        for trial in memory.finished.values()
        if trial.spec.plan == plan and trial.spec.evaluator == "finetune" and trial.spec.epochs == EPOCHS
    ]


def assert_sound(findings: Findings, memory: Memory, problem: Problem) -> None:
    """Every finding is there, within the budget, and about a plan that was trained."""
    assert findings.stage == "done"
    allocation, verified = findings.allocate, findings.verify
    assert allocation is not None
    assert verified is not None
    assert allocation.budget == (problem.budget or allocation.budget)
    plans = [one.plan for one in (*allocation.candidates, *allocation.finalists)]
    assert all(cost(plan, problem.sites) <= allocation.budget for plan in plans)
    assert problem.budget is None or cost(verified.plan, problem.sites) <= problem.budget
    assert full_runs(memory, verified.plan)
    assert verified.plan not in [control.plan for control in verified.controls]
    assert set(findings.as_json()) == set(STAGES)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(4, 40), st.integers(4, 40)), min_size=1, max_size=6),
    st.sampled_from(STRATEGIES),
    st.floats(0, 1),
    st.data(),
)
def test_nothing_found_ever_costs_more_than_the_budget(
    shapes: list[tuple[int, int]], strategy: dict[str, object], peak: float, data: st.DataObject
) -> None:
    sites = modules(shapes)
    cheapest, dearest = min(site.unit_cost for site in sites), cost(RankPlan.uniform(sites, 16), sites)
    budget = data.draw(st.none() | st.integers(cheapest, 2 * dearest))
    given = problem(sites, budget=budget, **strategy)
    world = World(len(sites), peak=peak, overfit=data.draw(st.sampled_from([0.0, 0.1])))
    findings, memory = explored(given, world)
    assert_sound(findings, memory, given)
    assert all(fits(trial.spec.plan, sites) for trial in memory.finished.values())


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_trial_is_done_twice_or_asked_for_in_vain(strategy: dict[str, object]) -> None:
    _, memory = explored(problem(layers(DEPTH), **strategy), SMALL)
    assert len(memory.evaluations) == len(set(memory.evaluations))
    assert len(memory.evaluations) == sum(map(len, memory.asked))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_any_prefix_of_the_history_wants_exactly_the_next_trials(strategy: dict[str, object]) -> None:
    given = problem(layers(DEPTH), **strategy)
    _, memory = explored(given, SMALL)
    everything = memory.record(given)
    done: dict[str, Trial] = {}
    for wave in memory.asked:
        for place, spec in enumerate(wave):
            _, wanted = advance(replace(everything, trials=dict(done)))
            assert wanted == wave[place:]
            name = spec.id(CONTEXT)
            done[name] = memory.finished[name]
    assert advance(replace(everything, trials=done))[1] == ()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_order_of_finishing_does_not_matter(strategy: dict[str, object]) -> None:
    given = problem(layers(DEPTH), **strategy)
    findings, memory = explored(given, SMALL)
    record = memory.record(given)
    backwards = replace(record, trials=dict(reversed(list(record.trials.items()))))
    assert advance(backwards)[0] == findings


class StoppedMemory(Memory):
    """Stops after some evaluations, as Ctrl-C does."""

    left = 0

    def run(self, study: str, specs: Sequence[TrialSpec]) -> Iterator[Trial | None]:
        for spec in specs:
            if not self.left:
                raise Interrupted(2)
            self.left -= 1
            yield from super().run(study, [spec])


@pytest.mark.parametrize("limits", [Limits(), Limits(max_trials=14), Limits(max_seconds=60)])
def test_a_search_stopped_anywhere_continues_to_the_same_end(limits: Limits) -> None:
    given = problem(layers(DEPTH))
    findings, memory = explored(given, SMALL, limits=limits)
    for stop in range(0, len(memory.evaluations), 7):
        again = StoppedMemory(SMALL, CONTEXT)
        again.left = stop
        with pytest.raises(Interrupted):
            again.search(given, limits=limits)
        again.left = 10**6
        assert again.search(given, limits=limits)[0] == findings
        assert again.evaluations == memory.evaluations


def spent_before(
    given: Problem, limits: Limits, later: Sequence[str] = ("verify",)
) -> tuple[Findings, Memory, int, float]:
    """A limited search, and the runs and seconds it had used when one of some stages began."""
    memory = Memory(SMALL, CONTEXT)
    before: list[tuple[int, float]] = []

    def note(findings: Findings) -> None:
        if findings.stage in {*later, "done"} and not before:
            seconds = sum(trial.outcome.seconds for trial in memory.finished.values())
            before.append((len(runs_of(memory)), seconds))

    findings, _ = memory.search(given, limits=limits, listener=Listener(stage=note))
    return findings, memory, *before[0]


@pytest.mark.parametrize("strategy", STRATEGIES[:-1])
def test_max_trials_ends_cleanly_at_every_cut_and_keeps_the_proofs_share(strategy: dict[str, object]) -> None:
    given = problem(layers(DEPTH), **strategy)
    _, whole = explored(given, SMALL)
    for most in range(1, len(runs_of(whole)) + 2):
        findings, memory, searched, _ = spent_before(given, Limits(max_trials=most))
        assert_sound(findings, memory, given)
        assert len(runs_of(memory)) <= max(most, 2)
        assert searched <= max(1, most * SHARES["search"])


@pytest.mark.parametrize("strategy", STRATEGIES[:-1])
def test_max_minutes_ends_cleanly_at_every_cut_and_keeps_the_proofs_share(strategy: dict[str, object]) -> None:
    given = problem(layers(DEPTH), **strategy)
    _, whole = explored(given, SMALL)
    seconds = sum(trial.outcome.seconds for trial in whole.finished.values())
    for part in range(1, 21):
        most = seconds * part / 19
        findings, memory, _, searched = spent_before(given, Limits(max_seconds=most))
        assert_sound(findings, memory, given)
        spent = sum(trial.outcome.seconds for trial in memory.finished.values())
        assert spent <= max(most, 2 * EPOCHS) + 0.01
        assert searched <= max(most * (1 + SHARES["search"]) / 2, EPOCHS) + 0.01


def test_a_tight_limit_leaves_a_search_and_a_comparison_on_two_seeds() -> None:
    given = problem(layers(DEPTH))
    findings, memory = explored(given, SMALL, limits=Limits(max_trials=10))
    assert findings.verify is not None
    assert findings.fine is not None
    assert len(full_runs(memory, findings.verify.plan)) >= 2
    assert len(full_runs(memory, findings.verify.controls[0].plan)) >= 2


def test_calibration_leaves_some_of_every_limit_to_the_search() -> None:
    given = problem(layers(DEPTH))
    _, whole = explored(given, SMALL)
    for most in range(1, len(runs_of(whole)) + 1):
        _, _, runs, _ = spent_before(given, Limits(max_trials=most), STAGES[1:])
        assert runs <= max(1, SHARES["calibrate"] * most)


@pytest.mark.parametrize("budget_rank", [1, 3])
def test_a_budget_holds_also_when_the_limits_leave_nothing(budget_rank: int) -> None:
    sites = layers(DEPTH)
    given = problem(sites, budget=cost(RankPlan.uniform(sites, budget_rank), sites))
    for limits in (Limits(max_trials=1), Limits(max_seconds=0.001), Limits(max_trials=5)):
        assert_sound(*explored(given, SMALL, limits=limits), given)


def test_with_limits_the_cuts_still_run_since_they_train_nothing() -> None:
    findings, memory, _, _ = spent_before(problem(layers(DEPTH)), Limits(max_trials=4))
    assert findings.fine is not None
    assert all(math.isfinite(score) for score in findings.fine.curve.values())
    assert findings.allocate is not None
    assert findings.allocate.sensitivity is not None
    assert all(math.isfinite(one.loss) for one in findings.allocate.sensitivity.losses)
    assert len(runs_of(memory)) <= 4


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_where_every_trial_fails_the_error_says_why(strategy: dict[str, object]) -> None:
    memory = Memory(replace(SMALL, fails=lambda spec: True), CONTEXT)
    with pytest.raises(TrialError, match=r"^not one training run succeeded: the loss of .* became nan$"):
        memory.search(problem(layers(DEPTH), **strategy))
    assert len(memory.failed) <= 8, "nobody waits for a hundred failures"


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("limits", [Limits(), Limits(max_trials=8)])
def test_where_some_trials_fail_the_search_goes_on(strategy: dict[str, object], limits: Limits) -> None:
    def fails(spec: TrialSpec) -> bool:
        return int(spec.id("failing")[:8], 16) % 3 == 0 and spec.seed + spec.plan[0] != 16

    given = problem(layers(DEPTH), **strategy)
    findings, memory = explored(given, replace(SMALL, fails=fails), limits=limits)
    assert memory.failed
    assert_sound(findings, memory, given)


def test_cuts_that_fail_use_up_no_run_and_runs_that_fail_do() -> None:
    given = problem(layers(DEPTH))
    limits = Limits(max_trials=6)
    run, cut = TrialSpec(given.uniform(16), 0, 1e-3, EPOCHS), TrialSpec(given.uniform(4), 0, 0.0, 0, "truncate", ("p",))
    record = Record(given, {})
    for seed in range(9):
        record = record.adding(Failure(replace(cut, seed=seed), "no"), "search")
    assert limits.allow(record, [run], "proof")
    for seed in range(6):
        assert limits.allow(record, [run], "proof")
        record = record.adding(Failure(replace(run, seed=seed), "no"), "search")
    assert not limits.allow(record, [run], "proof")


def test_the_seconds_of_failed_trials_count_towards_the_limit() -> None:
    given = problem(layers(DEPTH))
    memory = Memory(replace(SMALL, fails=lambda spec: is_run(spec) and spec.plan.ranks != (16,) * DEPTH), CONTEXT)
    limits = Limits(max_seconds=10 * EPOCHS)
    findings, _ = memory.search(given, limits=limits)
    spent = sum(failure.seconds for failure in memory.failed.values())
    spent += sum(trial.outcome.seconds for trial in memory.finished.values())
    assert memory.failed
    assert spent <= 10 * EPOCHS + 1
    assert findings.stage == "done"
    again, _ = memory.search(given, limits=limits)
    assert again == findings


def test_a_run_that_stopped_early_has_slower_epochs_than_its_time_over_all_it_was_allowed() -> None:
    given = problem(layers(DEPTH))
    spec = TrialSpec(given.uniform(16), 0, 1e-3, EPOCHS)
    curve = tuple(CurvePoint(epoch, 1.0, 1.0) for epoch in (1, 2))
    early = Trial("early", spec, Outcome(1.0, {}, "", curve, seconds=20.0))
    record = Record(given, {"early": early})
    room = 20.0 + EPOCHS * 10.0
    following = [replace(spec, seed=1)]
    assert Limits(max_seconds=room).allow(record, following, "proof")
    assert not Limits(max_seconds=room - 1).allow(record, following, "proof")


def test_a_search_whose_cuts_all_fail_makes_as_many_runs_as_its_limit_allows() -> None:
    given = problem(layers(DEPTH))
    memory = Memory(replace(SMALL, fails=lambda spec: not is_run(spec)), CONTEXT)
    findings, _ = memory.search(given, limits=Limits(max_trials=12))
    assert_sound(findings, memory, given)
    assert len(memory.failed) > 12
    assert len(runs_of(memory)) == 12


@pytest.mark.parametrize("limits", [Limits(max_trials=1), Limits(max_seconds=0.001)])
def test_without_a_budget_one_run_is_enough(limits: Limits) -> None:
    given = problem(layers(DEPTH))
    memory = Memory(SMALL, CONTEXT)
    findings, _ = memory.search(given, limits=limits)
    assert_sound(findings, memory, given)
    assert len(runs_of(memory)) == 1


@pytest.mark.parametrize(
    ("limits", "parts"),
    [
        (Limits(), []),
        (Limits(max_trials=8), ["calibrate", "proof"]),
        (Limits(max_seconds=45), ["calibrate", "proof"]),
    ],
)
def test_whoever_listens_is_told_what_the_limits_ended(limits: Limits, parts: list[str]) -> None:
    told: list[str] = []
    _, memory = spent_before(problem(layers(DEPTH)), limits)[:2]
    for _ in range(2):  # also when it is given again and nothing is run
        told.clear()
        memory.search(problem(layers(DEPTH)), limits=limits, listener=Listener(limited=told.append))
        assert told == parts, "each once"


def test_a_high_rate_that_fails_and_plans_that_fail_are_passed_by() -> None:
    given = problem(layers(DEPTH))
    world = replace(
        SMALL, fails=lambda spec: spec.learning_rate > 1e-3 or (spec.plan.ranks == (16,) * DEPTH and spec.seed == 1)
    )
    findings, memory = explored(given, world)
    assert_sound(findings, memory, given)
    assert findings.calibrate is not None
    assert findings.calibrate.learning_rate == 1e-3
    assert len(findings.calibrate.parents) == 2


def test_objective_best_chooses_the_finalist_of_the_best_mean() -> None:
    given = problem(layers(6), objective="best", budget=cost(RankPlan((2,) * 6), layers(6)))
    findings, memory = explored(given, World(6, scale=6.0))
    assert findings.verify is not None
    assert findings.allocate is not None
    scores = {
        one.plan: sum(trial.outcome.score for trial in full_runs(memory, one.plan)) / len(full_runs(memory, one.plan))
        for one in findings.allocate.finalists
        if len(full_runs(memory, one.plan)) == given.settings.seeds
    }
    assert min(scores, key=lambda plan: scores[plan]) == findings.verify.plan
    assert max(findings.verify.plan) == findings.verify.plan[2], "most rank sits at the peak"


def test_objective_smallest_is_within_the_noise_of_the_best_uniform_plan_at_less_cost() -> None:
    world = World(12, peak=0.4, width=0.05, scale=4.0, noise=0.01)
    given = problem(layers(12))
    findings, _ = explored(given, world)
    assert findings.verify is not None
    assert findings.fine is not None
    assert findings.calibrate is not None
    reference = given.uniform(findings.fine.rank)
    assert cost(findings.verify.plan, given.sites) < cost(reference, given.sites)
    assert world.level(findings.verify.plan) < world.level(reference) + 3 * world.noise


@pytest.mark.parametrize("objective", ["smallest", "best"])
@pytest.mark.parametrize("fails", [lambda spec: False, lambda spec: spec.seed == 1], ids=["none fails", "some fail"])
def test_paper_preset_walks_the_papers_grid_by_full_runs_alone(
    objective: str, fails: Callable[[TrialSpec], bool]
) -> None:
    # a narrow peak, so that the method moves ranks
    world = replace(SMALL, width=0.1, scale=6.0, fails=fails)
    findings, memory = explored(problem(layers(DEPTH), preset="paper", objective=objective), world)
    assert findings.coarse is not None
    assert set(findings.coarse.curve) == {4, 8, 12, 16}
    asked = [spec for wave in memory.asked for spec in wave]
    assert {(spec.evaluator, spec.epochs, spec.parents) for spec in asked} == {("finetune", EPOCHS, ())}
    assert any(len({*spec.plan.ranks}) > 1 for spec in asked)


def test_stages_are_announced_once_each_and_in_their_order() -> None:
    told: list[str] = []
    Memory(SMALL, CONTEXT).search(
        problem(layers(DEPTH)), listener=Listener(stage=lambda findings: told.append(findings.stage))
    )
    order = [*STAGES, "done"]
    assert told == sorted(set(told), key=order.index)
    assert (told[0], told[-1]) == ("calibrate", "done")


def test_a_history_with_nothing_in_it_wants_two_learning_rates() -> None:
    given = problem(layers(DEPTH), learning_rates=(1e-4, 1e-3, 1e-2))
    findings, wanted = advance(Record(given, {}))
    assert findings == Findings()
    assert [spec.learning_rate for spec in wanted] == [1e-4, 1e-3]
