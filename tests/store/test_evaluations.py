"""What was evaluated, named and gated: kept once, never changed, and damage is seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Table, text, update

from darse.errors import CorruptStoreError, StoreError
from darse.store.evaluations import BaselineRow, CellRow, Evaluations, GateRow
from darse.store.open import open_store
from darse.store.schema import BASELINES, CELLS, GATES
from darse.store.sql import SqlStore


@pytest.fixture
def sql_store(address: str) -> Iterator[SqlStore]:
    with open_store(address) as opened:
        yield opened


@pytest.fixture
def evaluations(sql_store: SqlStore) -> Evaluations:
    return sql_store.evaluations


def a_cell(number: int = 0, *, data: str = "d" * 64) -> CellRow:
    return CellRow(f"{number:064x}", 1000 + number, "e" * 64, data, {"artifact": "a" * 64, "name": "Grüße"})


def test_a_cell_is_found_by_its_id_and_by_its_rows(evaluations: Evaluations) -> None:
    for number, data in enumerate("dbd"):
        evaluations.keep_cell(a_cell(number, data=data * 64))
    assert evaluations.cell(f"{1:064x}") == a_cell(1, data="b" * 64)
    assert evaluations.cell("f" * 64) is None
    assert [one.id for one in evaluations.cells("d" * 64)] == [f"{0:064x}", f"{2:064x}"]
    assert len(evaluations.cells()) == 3


def test_a_finished_cell_is_never_replaced(evaluations: Evaluations) -> None:
    evaluations.keep_cell(a_cell())
    evaluations.keep_cell(replace(a_cell(), time=5000.0, body={"artifact": "b" * 64}))
    assert evaluations.cells() == [a_cell()]


def test_every_time_that_a_name_was_given_stays_in_the_history(evaluations: Evaluations) -> None:
    rows = [BaselineRow(1.5, "prod", {"v": 1}), BaselineRow(2, "canary", {}), BaselineRow(3.5, "prod", {"v": 2})]
    for row in rows:
        evaluations.set_baseline(row)
    assert evaluations.baselines() == rows
    assert evaluations.baselines("prod") == [rows[0], rows[2]]
    assert evaluations.baseline("prod") == rows[2]
    assert evaluations.baseline("none") is None


def test_gates_are_kept_in_their_order(evaluations: Evaluations) -> None:
    rows = [GateRow(1.0, "prod", "failed", {"checks": []}), GateRow(0.5, "prod", "passed", {"checks": [{"a": 1}]})]
    for row in rows:
        evaluations.add_gate(row)
    assert list(evaluations.gates()) == rows


@pytest.mark.parametrize("name", ["", "x" * 129, "a\nb"])
def test_what_cannot_name_a_baseline_is_refused(evaluations: Evaluations, name: str) -> None:
    with pytest.raises(StoreError, match="cannot name a baseline"):
        evaluations.set_baseline(BaselineRow(1.0, name, {}))


@pytest.mark.parametrize("table", [CELLS, BASELINES, GATES], ids=lambda table: table.name)
def test_a_changed_row_is_damage(table: Table, sql_store: SqlStore) -> None:
    evaluations = sql_store.evaluations
    evaluations.keep_cell(a_cell())
    evaluations.set_baseline(BaselineRow(1.0, "prod", {}))
    evaluations.add_gate(GateRow(1.0, "prod", "passed", {}))
    with sql_store._database.write() as connection:
        connection.execute(update(table).values(body='{"forged":1}'))
    with pytest.raises(CorruptStoreError):
        _ = evaluations.cells() + evaluations.baselines() + list(evaluations.gates())


def test_a_row_of_another_table_cannot_pass_for_a_baseline(sql_store: SqlStore) -> None:
    sql_store.evaluations.add_gate(GateRow(1.0, "prod", "passed", {}))
    copied = (
        "INSERT INTO darse_baselines (time, name, body, digest) SELECT time, baseline, body, digest FROM darse_gates"
    )
    with sql_store._database.write() as connection:
        connection.execute(text(copied))
    with pytest.raises(CorruptStoreError):
        sql_store.evaluations.baselines()
