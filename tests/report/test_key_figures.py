"""The figures that open the report say of a plan what its numbers say."""

from __future__ import annotations

import pytest

from darse.ranks.plan import RankPlan, cost
from darse.report.key_figures import KeyFigure, key_figures
from tests.report.samples import SHAPES, a_result


def figure_of(shape: str, label: str) -> KeyFigure:
    (found,) = (one for one in key_figures(a_result(SHAPES[shape])) if one.label == label)
    return found


@pytest.mark.parametrize(
    ("shape", "value"),
    [("uniform found", "the same"), ("smaller uniform found", "2.0 × smaller")],
)
def test_a_uniform_plan_is_the_same_as_the_best_uniform_one_only_at_its_cost(shape: str, value: str) -> None:
    figure = figure_of(shape, "Size against best uniform")
    assert figure.value == value
    assert figure.note.startswith(f"the plan is itself uniform, of rank {SHAPES[shape].uniform_rank}")


def test_a_smaller_uniform_plan_names_the_one_that_it_is_measured_by() -> None:
    result = a_result(SHAPES["smaller uniform found"])
    best = cost(RankPlan.uniform(result.sites, 4), result.sites)
    note = figure_of("smaller uniform found", "Size against best uniform").note
    assert f"the best uniform plan has rank 4 and {best:,} parameters" in note
    assert "than the same rank everywhere" in result.verdict.sentence
