"""The runs behind a verdict are the full ones of the plan and its controls, in the order of their seeds."""

from __future__ import annotations

from dataclasses import replace

from darse.ranks.plan import RankPlan
from darse.search.controls import Control
from darse.search.verify import Verified
from darse.store.trial import Outcome, Trial, TrialSpec

from .worlds import CONTEXT, EPOCHS

RATE = 1e-3
PLAN, UNIFORM, OTHER = RankPlan((0, 2)), RankPlan((2, 2)), RankPlan((2, 0))
VERIFIED = Verified(
    PLAN, (Control("best uniform", UNIFORM), Control("shuffled", OTHER)), (0, 1, 2), RATE, None, None, 3
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
        replace(full, evaluator="recover", parent="p"),
        TrialSpec(OTHER, 0, 0.0, 0, "truncate", "p"),
    ]

    found = VERIFIED.runs([a_trial(spec) for spec in (*others, *wanted)], EPOCHS)

    assert [(plan, [run.spec.seed for run in runs]) for plan, runs in found.items()] == [(PLAN, [0, 2]), (UNIFORM, [0])]
    assert {run.spec for runs in found.values() for run in runs} == set(wanted)
