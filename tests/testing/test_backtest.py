"""Served texts asked again: each once, the newest first, with flips, and a plain word where no text was kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from darse.data.example import Task
from darse.errors import InputError
from darse.store.open import open_store
from darse.store.sql import SqlStore
from darse.store.traffic import Feedback, Served
from darse.testing.backtest import run_backtest
from darse.testing.record import backtest_record
from tests.store.test_traffic import a_text
from tests.testing.worlds import SCORE, an_entry, classed, right_but

DATA = classed(40)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with open_store(tmp_path / "store.db") as opened:
        yield opened


def served(at: int, **more: object) -> Served:
    text = DATA.texts[at]
    digest = hashlib.sha256(text.encode()).hexdigest()
    return a_text(at, label=DATA.rows[at].label, text=text, text_digest=digest, **more)


def test_flips_are_the_texts_with_another_class(store: SqlStore) -> None:
    store.traffic.add(
        [served(at) for at in range(40)],
        [Feedback(2000.0, "key-3", DATA.rows[3].label, None), Feedback(2000.0, "key-5", "other", None)],
    )
    candidate = an_entry("new", DATA, right_but(DATA, [3, 5, 7]))
    found = run_backtest(store, store.traffic, candidate, last=100, check=lambda: None)
    assert {flip.served.key for flip in found.flips} == {"key-3", "key-5", "key-7"}
    assert found.flipped is not None
    assert found.flipped.value == pytest.approx(3 / 40)
    assert {flip.served.key: flip.is_mended for flip in found.flips} == {"key-3": False, "key-5": None, "key-7": None}
    assert sum(found.matrix.values()) == 40
    record = backtest_record(found, flips=2)
    assert record["flips_in_all"] == 3


def test_a_candidate_that_is_right_where_the_answer_was_wrong_mends(store: SqlStore) -> None:
    wrong = "bad" if DATA.rows[0].label == "good" else "good"
    store.traffic.add([a_text(0, label=wrong, text=DATA.texts[0])])
    store.traffic.add([], [Feedback(2000.0, "key-0", DATA.rows[0].label, None)])
    found = run_backtest(store, store.traffic, an_entry("new", DATA, right_but(DATA, [])), last=5, check=lambda: None)
    assert [flip.is_mended for flip in found.flips] == [True]


def test_the_last_texts_are_asked_each_once_and_shadows_never(store: SqlStore) -> None:
    store.traffic.add([served(at) for at in range(10)] + [served(9, time=3000.0, key="again")])
    store.traffic.add([served(20, served_as="shadow", time=4000.0)])
    candidate = an_entry("new", DATA, right_but(DATA, range(40)))
    found = run_backtest(store, store.traffic, candidate, last=4, check=lambda: None)
    assert {flip.served.key for flip in found.flips} == {"key-6", "key-7", "key-8", "again"}


def test_a_second_backtest_of_the_same_texts_loads_nothing(store: SqlStore) -> None:
    store.traffic.add([served(at) for at in range(10)])
    loads: list[str] = []
    for _ in range(2):
        run_backtest(
            store,
            store.traffic,
            an_entry("new", DATA, right_but(DATA, []), loads=loads),
            last=10,
            check=lambda: None,
        )
    assert loads == ["new"]


def test_scores_are_compared_by_how_far_they_moved(store: SqlStore) -> None:
    store.traffic.add([served(at, score=0.5) for at in range(10)])
    answers = np.full((40, 1), 0.5)
    answers[4] = 0.9
    found = run_backtest(store, store.traffic, an_entry("new", DATA, answers, task=SCORE), last=10, check=lambda: None)
    assert found.flipped is None
    assert found.moved is not None
    assert found.moved.value == pytest.approx(0.04)
    assert [flip.served.key for flip in found.flips] == ["key-4"]


@pytest.mark.parametrize(
    ("kept", "task", "said"),
    [
        ([], SCORE, "nothing was answered in this store"),
        ([a_text(1), a_text(2)], SCORE, "of 2 answers only digests of the texts were kept.*--keep-text"),
        ([a_text(1, text="good")], Task(has_score=True, has_target=True), "needs a target for each text"),
    ],
)
def test_what_cannot_be_asked_again_is_told_with_the_remedy(
    store: SqlStore, kept: list[Served], task: Task, said: str
) -> None:
    store.traffic.add(kept)
    candidate = an_entry("new", DATA, np.zeros((40, 1)), task=task)
    with pytest.raises(InputError, match=said):
        run_backtest(store, store.traffic, candidate, last=10, check=lambda: None)


@pytest.mark.parametrize("last", [0, -1, 10**6])
def test_an_amount_that_makes_no_sense_is_refused(store: SqlStore, last: int) -> None:
    candidate = an_entry("new", DATA, right_but(DATA, []))
    with pytest.raises(InputError, match="texts can be asked again"):
        run_backtest(store, store.traffic, candidate, last=last, check=lambda: None)
