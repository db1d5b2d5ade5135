"""Stages of trials: inferred from the trials, in the order of the stages."""

from __future__ import annotations

import pytest

from darse.report.trial_stages import trial_stages
from darse.search.stages import STAGES
from tests.report.samples import SHAPES, a_result


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_stages_follow_each_other(name: str) -> None:
    stages = trial_stages(a_result(SHAPES[name]))
    assert [STAGES.index(stage) for stage in stages] == sorted(STAGES.index(stage) for stage in stages)
    assert set(stages) == set(STAGES)


@pytest.mark.parametrize("name", ["six layers, score", "own evaluator"])
def test_learning_rates_are_calibrated_first_and_controls_trained_last(name: str) -> None:
    result = a_result(SHAPES[name])
    stages = trial_stages(result)
    rates = {result.findings.calibrate.learning_rate} if result.findings.calibrate else set()
    others = [place for place, trial in enumerate(result.trials) if trial.spec.learning_rate not in {0.0, *rates}]
    assert {stages[place] for place in others} == {"calibrate"}
    shuffled = result.verdict.controls[-1].plan
    assert {stage for stage, trial in zip(stages, result.trials, strict=True) if trial.spec.plan == shuffled} == {
        "verify"
    }
