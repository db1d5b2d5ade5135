"""A sample: what logits say, kept without the texts and read back; anything else is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darse.data.example import Task
from darse.evaluate.sample import Sample

BOTH = Task(classes=("bad", "good"), has_score=True, score_mean=10.0, score_sd=2.0)


def test_logits_become_labels_confidence_and_scores_in_the_users_units() -> None:
    sample = Sample.of_logits(np.array([[0.0, np.log(3), 1.0], [2.0, 2.0, -1.0]]), BOTH, [4, 8], [1, 0])
    assert sample.label.tolist() == ["good", "bad"]
    assert sample.confidence == pytest.approx([0.75, 0.5])
    assert sample.score == pytest.approx([12.0, 8.0])
    assert sample.unknown == pytest.approx([0.25, 0.0])


def test_an_adapter_without_classes_or_without_scores_has_no_such_column() -> None:
    scores = Sample.of_logits(np.array([[1.0], [2.0]]), Task(has_score=True), [1, 2], [0, 0])
    assert (len(scores.label), len(scores.confidence), len(scores.score)) == (0, 0, 2)
    classes = Sample.of_logits(np.zeros((2, 2)), Task(classes=("a", "b")), [1, 2], [0, 0])
    assert (len(classes.label), len(classes.score)) == (2, 0)


@given(
    st.lists(st.tuples(st.sampled_from(["good", "bad"]), st.floats(-5, 5), st.integers(0, 99)), min_size=1, max_size=9)
)
def test_what_is_written_is_read_back(rows: list[tuple[str, float, int]]) -> None:
    labels, scores, tokens = zip(*rows, strict=True)
    sample = Sample.of(label=labels, score=scores, confidence=[], tokens=tokens, unknown=[0.0] * len(rows))
    read = Sample.from_json(json.loads(json.dumps(sample.as_json())))
    assert read.label.tolist() == list(labels)
    assert read.score == pytest.approx(scores, abs=1e-4)
    assert read.tokens.tolist() == list(tokens)
    assert len(read.confidence) == 0


COLUMNS: dict[str, object] = {"label": ["a"], "score": [], "confidence": [0.5], "tokens": [3], "unknown": [0]}
DAMAGED: list[dict[str, object]] = [
    {},
    {**COLUMNS, "label": ["a", "b"]},
    {**COLUMNS, "tokens": []},
    {**COLUMNS, "score": [float("nan")]},
    {**COLUMNS, "score": ["x"]},
    {**COLUMNS, "more": []},
    {**COLUMNS, "label": None},
    {name: [] for name in COLUMNS},
]


@pytest.mark.parametrize("values", DAMAGED)
def test_what_is_no_sample_is_refused(values: dict[str, object]) -> None:
    assert len(Sample.from_json(COLUMNS)) == 1
    with pytest.raises(ValueError, match="the sample"):
        Sample.from_json(values)
