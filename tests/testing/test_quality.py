"""Figures are the metrics of the tool, on all rows or on some, and lie in their intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from darse.data.example import Task
from darse.testing.quality import METRICS, figures
from tests.testing.worlds import SCORE, classed, judged, off_by, right_but, scored

DATA = classed(60)
NUMBERS = scored(50)


@settings(max_examples=30)
@given(st.sets(st.integers(0, 59)))
def test_every_figure_lies_in_its_interval(wrong: set[int]) -> None:
    found = figures(judged("one", DATA, right_but(DATA, sorted(wrong))))
    assert found["accuracy"].value == pytest.approx(1 - len(wrong) / 60)
    for name in ("accuracy", "macro_f1"):
        one = found[name]
        assert one.low is not None
        assert one.high is not None
        assert 0 <= one.low <= one.value <= one.high <= 1


def test_macro_f1_is_that_of_scikit_learn() -> None:
    one = judged("one", DATA, right_but(DATA, range(17)))
    expected = f1_score(one.labels, one.cell.predicted, average="macro")
    assert figures(one, wanted=("macro_f1",))["macro_f1"].value == pytest.approx(float(expected))


def test_the_interval_of_f1_covers_the_f1_of_other_draws() -> None:
    stream = np.random.default_rng(0)
    data = classed(400)
    answers = right_but(data, np.flatnonzero(stream.random(400) < 0.2))
    one = judged("one", data, answers)
    whole = figures(one, wanted=("macro_f1",))["macro_f1"]
    draws = [figures(one, stream.integers(0, 400, 400), wanted=("macro_f1",))["macro_f1"].value for _ in range(200)]
    assert whole.low is not None
    assert whole.high is not None
    assert 0.9 <= np.mean([whole.low <= value <= whole.high for value in draws]) <= 0.99


def test_a_score_has_its_errors_in_the_users_units() -> None:
    found = figures(judged("s", NUMBERS, off_by(NUMBERS, np.full(50, 0.25)), task=SCORE))
    assert found["mse"].value == pytest.approx(0.0625)
    assert found["mae"].value == pytest.approx(0.25)
    assert found["pearson"].value == pytest.approx(1)
    assert set(found) == {"mse", "mae", "r2", "pearson", "spearman", "sign_accuracy"}


@settings(max_examples=30)
@given(st.lists(st.integers(0, 49), min_size=1, max_size=6, unique=True))
def test_a_handful_of_rows_has_figures_too(places: list[int]) -> None:
    stream = np.random.default_rng(1)
    for one in (
        judged("s", NUMBERS, off_by(NUMBERS, stream.normal(size=50)), task=SCORE),
        judged("c", DATA, right_but(DATA, [1, 2, 3])),
    ):
        for found in figures(one, np.array(places), wanted=METRICS).values():
            assert np.isfinite(found.value)


def test_an_adapter_of_both_is_judged_by_what_the_file_has() -> None:
    both = Task(classes=("bad", "good"), has_score=True)
    answers = np.concatenate([right_but(DATA, [0]), np.zeros((60, 1))], axis=1)
    one = judged("both", DATA, answers, task=both)
    assert one.metric == "accuracy"
    assert "mse" not in figures(one)
