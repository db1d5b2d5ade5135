"""A cell is computed once and never again, whoever asks; what cannot be judged is told before anything is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

from darse.data.example import Task
from darse.errors import CorruptStoreError, Interrupted, StoreError
from darse.store.open import open_store
from darse.store.schema import CELLS
from darse.store.seal import canonical, sealed
from darse.store.sql import SqlStore
from darse.testing.cells import UnfitError, compute_cell, find_cell
from darse.testing.dataset import dataset_of_texts
from tests.testing.worlds import CLASSES, SCORE, an_entry, classed, off_by, right_but, scored

DATA = classed(30)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with open_store(tmp_path / "store.db") as opened:
        yield opened


def test_a_finished_cell_is_read_back_and_nothing_is_loaded(store: SqlStore) -> None:
    loads: list[str] = []
    entry = an_entry("one", DATA, right_but(DATA, [3]), loads=loads, ranks={"layer 0": 4}, parameters=10)
    first, second = compute_cell(store, entry, DATA), compute_cell(store, entry, DATA)
    assert loads == ["one"]
    assert (first.id, first.facts, first.ms) == (second.id, second.facts, second.ms)
    assert (first.answers == second.answers).all()
    assert [place for place, row in enumerate(DATA.rows) if row.label != first.labels[place]] == [3]


def test_other_rows_and_other_entries_are_other_cells(store: SqlStore) -> None:
    other = classed(30, seed=1)
    cells = [
        compute_cell(store, an_entry("one", data, right_but(data, wrong)), data)
        for data, wrong in ((DATA, [3]), (DATA, [4]), (other, [3]))
    ]
    assert len({cell.id for cell in cells}) == 3
    assert len(store.evaluations.cells()) == 3


def test_a_cell_that_was_stopped_leaves_nothing(store: SqlStore) -> None:
    def check() -> None:
        raise Interrupted(2)

    entry = an_entry("one", DATA, right_but(DATA, []))
    with pytest.raises(Interrupted):
        compute_cell(store, entry, DATA, check=check)
    assert find_cell(store, entry.facts, DATA) is None


@pytest.mark.parametrize(
    ("task", "said"),
    [
        (replace(CLASSES, has_target=True), "needs a target for each text"),
        (SCORE, "predicts a score, which the rows"),
        (Task(classes=("bad", "fine")), "has the label 'good', which one does not know \\(bad, fine\\)"),
    ],
)
def test_what_cannot_be_judged_is_told_before_anything_is_loaded(store: SqlStore, task: Task, said: str) -> None:
    loads: list[str] = []
    with pytest.raises(UnfitError, match=said):
        compute_cell(store, an_entry("one", DATA, right_but(DATA, []), task=task, loads=loads), DATA)
    assert loads == []


def test_texts_without_labels_are_answered_too(store: SqlStore) -> None:
    texts = dataset_of_texts("served", DATA.texts, [None] * len(DATA))
    assert compute_cell(store, an_entry("one", DATA, right_but(DATA, [])), texts).answers.shape == (30, 2)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_answers_that_are_no_numbers_are_not_kept(store: SqlStore, bad: float) -> None:
    answers = right_but(DATA, [])
    answers[7, 1] = bad
    entry = an_entry("one", DATA, right_but(DATA, []))
    broken = replace(entry, load=lambda: lambda texts, targets, check: answers)
    with pytest.raises(StoreError, match="no finite numbers"):
        compute_cell(store, broken, DATA)
    assert store.evaluations.cells() == []


@pytest.mark.parametrize("forged", [{}, {"artifact": "0" * 64}, {"facts": 1}, {"rows": 7, "facts": None}])
def test_a_forged_cell_is_one_clear_error(store: SqlStore, forged: dict[str, object]) -> None:
    entry = an_entry("one", DATA, right_but(DATA, []))
    compute_cell(store, entry, DATA)
    (row,) = store.evaluations.cells()
    body = canonical({**row.body, **forged} if forged else {}, "a cell")
    values = {"id": row.id, "time": row.time, "entry": row.entry, "data": row.data, "body": body}
    with store._database.write() as connection:
        connection.execute(update(CELLS).values(sealed(CELLS, values)))
    with pytest.raises((StoreError, CorruptStoreError)):
        compute_cell(store, entry, DATA)


def test_scores_are_in_the_users_units(store: SqlStore) -> None:
    data = scored(12)
    cell = compute_cell(store, an_entry("s", data, off_by(data, np.full(12, 0.5)), task=SCORE), data)
    assert np.allclose(cell.scores - [row.score for row in data.rows], 0.5)
