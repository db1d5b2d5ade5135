"""Reference points: they learn from the training rows alone, say how they answer, and are missing with a reason."""

from __future__ import annotations

import numpy as np
import pytest

from darse.data.example import Example, Task
from darse.testing import references
from darse.testing.cells import Cell, cell_id
from darse.testing.dataset import Dataset
from darse.testing.entry import Entry
from darse.testing.quality import figures, judge_cell
from darse.testing.references import CONSTANT, LEXICON, LINEAR, reference_entries, training_rows
from tests.labelled import labelled_rows
from tests.testing.worlds import a_dataset


@pytest.fixture(scope="module")
def train() -> Dataset:
    return a_dataset(labelled_rows(300), text="text", label="label", score="score")


@pytest.fixture(scope="module")
def test() -> Dataset:
    return a_dataset(labelled_rows(200, seed=1), text="text", label="label", score="score")


def value(entry: Entry, data: Dataset, metric: str) -> float:
    answers = entry.load()(data.texts, data.targets, lambda: None)
    cell = Cell(cell_id(entry.facts, data), entry.facts, data.digest, answers, 1.0)
    assert np.allclose(answers[:, : len(cell.classes)].sum(axis=1), 1)
    return figures(judge_cell(cell, data))[metric].value


def test_the_ladder_of_reference_points_is_as_expected(train: Dataset, test: Dataset) -> None:
    entries, missing = reference_entries(train)
    assert [one.facts.name for one in entries] == [CONSTANT, LEXICON, LINEAR]
    assert missing == []
    accuracy = {one.facts.name: value(one, test, "accuracy") for one in entries}
    assert accuracy[CONSTANT] < accuracy[LEXICON] < accuracy[LINEAR]
    assert value(entries[2], test, "mse") < value(entries[0], test, "mse")


def test_the_constant_is_the_majority_and_the_mean_of_training(train: Dataset, test: Dataset) -> None:
    answers = reference_entries(train)[0][0].load()(test.texts, None, lambda: None)
    assert (answers == answers[0]).all()
    labels = [row.label for row in train.rows]
    assert sorted(answers[0, :3]) == pytest.approx(sorted(labels.count(one) / 300 for one in set(labels)))
    assert answers[0, 3] == pytest.approx(np.mean([row.score for row in train.rows]))


def test_the_rule_of_the_lexicon_is_stated_with_its_thresholds(train: Dataset) -> None:
    rule = reference_entries(train)[0][1].facts.rule
    assert "cut into classes, up to -" in rule
    assert "above positive; score = " in rule
    assert "fitted on 300 training rows" in rule


def test_other_training_rows_make_other_reference_points(train: Dataset, test: Dataset) -> None:
    assert not {one.facts.digest for one in reference_entries(train)[0]} & {
        one.facts.digest for one in reference_entries(test)[0]
    }


def test_a_lexicon_that_is_not_installed_is_a_missing_row(train: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(references, "find_spec", lambda name: None)
    entries, missing = reference_entries(train)
    assert [one.facts.name for one in entries] == [CONSTANT, LINEAR]
    assert [one.name for one in missing] == [LEXICON]
    assert "pip install vaderSentiment" in missing[0].reason


def test_rows_of_one_class_give_no_reference_point() -> None:
    rows = [{"text": f"row {at}", "label": "good", "score": at / 7} for at in range(20)]
    data = a_dataset(rows, text="text", label="label")
    entries, missing = reference_entries(data)
    assert entries == []
    assert {one.name for one in missing} == {CONSTANT, LEXICON, LINEAR}


def test_training_rows_of_a_study_keep_their_truth_and_have_a_name() -> None:
    examples = [Example(2, "good", None, 1, 0.5), Example(3, "bad", None, 0, -0.5)]
    task = Task(("neg", "pos"), has_score=True)
    data = training_rows(examples, task, "reviews.csv")
    assert [(row.text, row.label, row.score) for row in data.rows] == [("good", "pos", 0.5), ("bad", "neg", -0.5)]
    other = training_rows([examples[0], Example(3, "bad", None, 1, -0.5)], task, "reviews.csv")
    assert other.digest != data.digest
