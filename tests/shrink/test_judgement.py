"""The verdict on a cut says what the test rows show, and no more."""

from __future__ import annotations

import numpy as np
import pytest

from darse.evaluate.losses import Floats
from darse.ranks.plan import RankPlan
from darse.search.verdict import Verdict
from darse.shrink.judgement import judge_cut

_WRONG = np.tile([0.0, 0.0, 0.0, 1.0], 100)
"""One row in four."""


def _judge(losses: Floats, cost: int = 10) -> Verdict:
    stored = (RankPlan((16,)), 100)
    return judge_cut(losses[None, :], _WRONG, cost=cost, stored=stored, metric="accuracy", margin=0.01, seed=0)


def test_the_same_predictions_from_fewer_parameters_are_smaller_and_not_worse() -> None:
    verdict = _judge(_WRONG)
    assert verdict.verdict == "smaller"
    assert "10.0 times fewer" in verdict.sentence
    assert verdict.level.mean == 0.75


@pytest.mark.parametrize(("change", "said"), [(1.0, "worse"), (-1.0, "better")])
def test_many_rows_that_change_one_way_decide(change: float, said: str) -> None:
    place = np.flatnonzero((0.0 if change > 0 else 1.0) == _WRONG)[:40]
    losses = _WRONG.copy()
    losses[place] += change
    assert _judge(losses).verdict == said


def test_rows_that_change_both_ways_show_no_difference() -> None:
    assert _judge(np.roll(_WRONG, 1)).verdict == "no_difference"


def test_an_adapter_that_is_left_as_it_was_is_not_called_smaller() -> None:
    verdict = _judge(_WRONG, cost=100)
    assert verdict.verdict == "no_difference"
    assert verdict.sentence.startswith("Nothing smaller holds")
