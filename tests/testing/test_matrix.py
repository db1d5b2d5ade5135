"""A matrix is resumed cell by cell: what is finished is never done again, and what is missing is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from darse.errors import Interrupted
from darse.store.open import open_store
from darse.store.sql import SqlStore
from darse.testing.background import Background
from darse.testing.cells import Cell, UnfitError
from darse.testing.matrix import Asked, Watcher, fill_matrix
from darse.testing.record import table_record
from darse.testing.references import Missing
from tests.testing.worlds import SCORE, an_entry, classed, off_by, right_but, scored

FIRST = classed(60)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with open_store(tmp_path / "store.db") as opened:
        yield opened


def test_a_matrix_that_was_stopped_goes_on_with_the_first_missing_cell(store: SqlStore) -> None:
    whole = classed(100)
    loads: list[str] = []
    entries = [an_entry(name, whole, right_but(whole, [at]), loads=loads) for at, name in enumerate("abc")]
    sets = [classed(60), classed(100)]
    done: list[Cell] = []

    def stop_after_three(cell: Cell) -> None:
        done.append(cell)
        if len(done) == 3:
            raise Interrupted(15)

    with pytest.raises(Interrupted):
        fill_matrix(store, entries, sets, watcher=Watcher(finished=stop_after_three))
    assert loads == ["a", "b"]

    loads.clear()
    begun: list[tuple[int, int]] = []
    more: list[Cell] = []
    tables = fill_matrix(
        store, entries, sets, watcher=Watcher(begun=lambda *counts: begun.append(counts), finished=more.append)
    )
    assert begun == [(6, 3)]
    assert loads == ["b", "c"]
    assert not {cell.id for cell in done} & {cell.id for cell in more}
    assert [len(table.cells) for table in tables] == [3, 3]

    loads.clear()
    fill_matrix(store, entries, sets)
    assert loads == []


def test_small_slices_are_marked_and_none_is_dropped(store: SqlStore) -> None:
    data = classed(60, product=["A"] * 50 + ["B"] * 10)
    (table,) = fill_matrix(
        store, [an_entry("a", data, right_but(data, range(6)))], [data], asked=Asked((), ("product", "label"))
    )
    assert [(one.by, one.value, one.rows, one.is_small) for one in table.slices] == [
        ("product", "A", 50, False),
        ("product", "B", 10, True),
        *(("label", one.value, 30, False) for one in table.slices[2:]),
    ]
    assert all("macro_f1" not in one.metrics for one in table.slices if one.by == "label")
    assert table.slices[0].metrics["accuracy"].value == pytest.approx(44 / 50)


def test_what_does_not_fit_is_a_missing_row_and_the_others_stay(store: SqlStore) -> None:
    numbers = scored(20)
    fits = an_entry("fits", FIRST, right_but(FIRST, []))
    other = an_entry("s", numbers, off_by(numbers, np.zeros(20)), task=SCORE)
    background = Background(missing=(Missing("head alone", "no study"),))
    first, second = fill_matrix(store, [fits, other], [FIRST, numbers], background=background)
    assert [one.name for one in first.entries] == ["fits"]
    assert [one.name for one in second.entries] == ["s"]
    assert [one.name for one in first.missing] == ["s", "head alone"]
    assert "predicts a score" in first.missing[0].reason


def test_a_matrix_without_a_single_cell_is_an_error(store: SqlStore) -> None:
    with pytest.raises(UnfitError, match="predicts a score"):
        fill_matrix(store, [an_entry("s", FIRST, np.zeros((60, 1)), task=SCORE)], [FIRST])


def test_rows_that_were_learned_from_are_told(store: SqlStore) -> None:
    train = classed(10)
    (table,) = fill_matrix(
        store, [an_entry("a", FIRST, right_but(FIRST, []))], [FIRST], background=Background(train=train)
    )
    assert any("10 rows of" in note and "training rows" in note for note in table.notes)


def test_the_record_is_plain_json(store: SqlStore) -> None:
    (table,) = fill_matrix(store, [an_entry("a", FIRST, right_but(FIRST, [1]))], [FIRST], asked=Asked((), ("length",)))
    record = json.loads(json.dumps(table_record(table), allow_nan=False))
    assert record["entries"][0]["metrics"]["accuracy"]["value"] == pytest.approx(59 / 60)
    assert record["slices"][0]["is_small"] is False
