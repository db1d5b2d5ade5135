"""Remarks say what was found about depth and which adapter is exported, in plain words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from darse.report.facts import exported_words, found
from darse.report.remarks import depth_words
from darse.search.result import Result
from darse.search.window import Depth

from .samples import SHAPES, a_result


def with_depth(depth: Depth | None) -> Result:
    result = a_result()
    allocation = replace(found(result).allocate, depth=depth)
    return replace(result, findings=replace(result.findings, allocate=allocation))


def test_a_flat_profile_is_said_plainly() -> None:
    words = depth_words(with_depth(Depth((2, 4), (0, 2), 0.001, True, (0, 6))))
    assert "hardly matters" in words
    assert "layer 2 to layer 3 did best" in words


@pytest.mark.parametrize(("is_trained", "told"), [(True, "in short runs"), (False, "as cuts")])
def test_a_peak_names_the_best_span_the_worst_and_the_chosen_one(is_trained: bool, told: str) -> None:
    words = depth_words(with_depth(Depth((2, 4), (4, 6), 0.0512, False, (2, 3), is_trained)))
    assert f"layer 2 to layer 3 did best and layer 4 to layer 5 did worst (by 0.0512 {told})" in words
    assert words.endswith("have their ranks in layer 2.")


def test_a_search_that_did_not_look_at_depth_says_nothing_of_it() -> None:
    assert depth_words(with_depth(None)) == ""


@pytest.mark.parametrize(
    ("place", "told"),
    [
        (-1, "cut from the mean of the calibrated runs and trained on"),
        (-2, "the mean of the 3 runs of the plan, cut back to its ranks"),
        (None, "the best on validation of 5 adapters of the plan"),
    ],
)
def test_the_report_says_which_adapter_is_exported(place: int | None, told: str) -> None:
    result = a_result()
    own = [trial for trial in result.trials if trial.spec.plan == result.plan and trial.spec.evaluator == "finetune"]
    chosen = result.trials[place] if place is not None else own[-1]
    assert result.quality is not None
    assert told in exported_words(replace(result, quality=replace(result.quality, trial=chosen.id)))


def test_a_study_of_an_own_evaluator_exports_no_adapter() -> None:
    (user,) = (shape for shape in SHAPES.values() if shape.is_user)
    assert exported_words(a_result(user)) == ""
