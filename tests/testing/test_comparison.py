"""A comparison: everybody against the first, who is beaten in everything, and ranks side by side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darse.errors import InputError
from darse.store.open import open_store
from darse.store.sql import SqlStore
from darse.testing.comparison import Point, compare_entries, pareto, rank_plans
from darse.testing.matrix import fill_matrix
from darse.testing.record import comparison_record
from tests.testing.worlds import an_entry, classed, right_but

DATA = classed(60)
POINTS = st.builds(
    Point,
    name=st.uuids().map(str),
    loss=st.sampled_from([0.1, 0.2, 0.3]),
    parameters=st.sampled_from([None, 100, 200]),
    ms=st.sampled_from([1.0, 1.1, 5.0]),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with open_store(tmp_path / "store.db") as opened:
        yield opened


def test_everybody_is_held_against_the_first(store: SqlStore) -> None:
    entries = [
        an_entry("a", DATA, right_but(DATA, range(10)), parameters=100, ranks={"layer 0": 4, "layer 10": 2}),
        an_entry("b", DATA, right_but(DATA, range(5)), parameters=50, ranks={"layer 2": 1}),
        an_entry("c", DATA, right_but(DATA, range(8, 20)), parameters=200),
    ]
    (table,) = fill_matrix(store, entries, [DATA])
    found = compare_entries(table, slices=("label",))
    assert [(pair.first, pair.second, pair.difference.gained, pair.difference.lost) for pair in found.pairs] == [
        ("a", "b", 5, 0),
        ("a", "c", 8, 10),
    ]
    assert found.ranks == {
        "layer 0": {"a": 4, "b": 0},
        "layer 2": {"a": 0, "b": 1},
        "layer 10": {"a": 2, "b": 0},
    }
    record = comparison_record(found, flips=3)
    assert isinstance(record["pairs"], list)
    assert [(len(pair["flips"]), pair["flips_in_all"]) for pair in record["pairs"]] == [(3, 5), (3, 18)]


@given(st.lists(POINTS, min_size=1, max_size=8))
def test_somebody_is_never_beaten_and_who_is_has_a_rival_that_is(points: list[Point]) -> None:
    found = {one.name: one for one in pareto(points)}
    assert any(not one.beaten_by for one in found.values())
    for one in found.values():
        if one.beaten_by:
            rival = found[one.beaten_by]
            assert rival.loss <= one.loss
            assert (rival.parameters or 0) <= (one.parameters or 0)


def test_times_that_differ_by_the_machines_mood_beat_nobody() -> None:
    assert [one.beaten_by for one in pareto([Point("a", 0.1, 10, 1.0), Point("b", 0.1, 10, 1.1)])] == ["", ""]


def test_one_alone_cannot_be_compared(store: SqlStore) -> None:
    (table,) = fill_matrix(store, [an_entry("a", DATA, right_but(DATA, []))], [DATA])
    with pytest.raises(InputError, match="answers of a alone"):
        compare_entries(table)


def test_a_metric_that_the_rows_have_not_is_refused(store: SqlStore) -> None:
    (table,) = fill_matrix(store, [an_entry(name, DATA, right_but(DATA, [at])) for at, name in enumerate("ab")], [DATA])
    with pytest.raises(InputError, match="cannot be compared by mse, which needs a score"):
        compare_entries(table, metric="mse")


def test_entries_without_ranks_have_no_column() -> None:
    assert rank_plans([an_entry("a", DATA, right_but(DATA, [])).facts]) == {}
