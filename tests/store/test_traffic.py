"""The log of what servers answer: nothing is lost or changed, spans are exact, old rows go, damage is seen."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from darse.errors import CorruptStoreError, StoreError
from darse.store import traffic as module
from darse.store.open import open_store
from darse.store.sql import SqlStore
from darse.store.traffic import Feedback, MinuteCount, Served, Traffic


@pytest.fixture
def sql_store(address: str) -> Iterator[SqlStore]:
    with open_store(address) as opened:
        yield opened


@pytest.fixture
def traffic(sql_store: SqlStore) -> Traffic:
    return sql_store.traffic


def a_text(number: int = 0, **more: object) -> Served:
    plain = Served(
        time=1000.0 + number,
        key=f"key-{number}",
        adapter="a" * 64,
        name="reviews-v2",
        served_as="prod",
        label="positive",
        score=1 / 3,
        confidence=0.1 + 0.2,
        characters=11,
        tokens=4,
        unknown=1,
        seconds=0.012,
        text_digest=f"{number:064x}",
    )
    return replace(plain, **more)  # type: ignore[arg-type]  # named fields of the test


TEXTS = st.builds(
    Served,
    time=st.floats(0, 1e10),
    key=st.text("abc-", min_size=1, max_size=128),
    adapter=st.just("a" * 64),
    name=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
    served_as=st.sampled_from(["prod", "canary", "shadow"]),
    label=st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
    score=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    confidence=st.none() | st.floats(0, 1),
    characters=st.integers(0, 100_000),
    tokens=st.integers(0, 100_000),
    unknown=st.integers(0, 100_000),
    seconds=st.floats(0, 600),
    text_digest=st.just("0" * 64),
    text=st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    target=st.none() | st.just("Acme"),
)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traffic]:
    """One log for many examples."""
    with open_store(tmp_path_factory.mktemp("traffic") / "store.db") as opened:
        yield opened.traffic


@given(st.lists(TEXTS, max_size=12))
def test_what_was_answered_is_read_back_in_the_order_of_time(plain: Traffic, rows: list[Served]) -> None:
    plain.forget(math.inf)
    plain.add(rows[:5])
    plain.add(rows[5:])
    assert list(plain.served(0, math.inf)) == sorted(rows, key=lambda one: one.time)


def test_a_span_has_its_first_moment_and_not_its_last(traffic: Traffic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAGE", 3)
    traffic.add([a_text(number % 7, key=f"k{number}") for number in range(40)])
    assert [one.time for one in traffic.served(1002, 1004)] == [1002.0] * 6 + [1003.0] * 6
    assert len({one.key for one in traffic.served(1000, 1007)}) == 40
    assert list(traffic.served(1007, 2000)) == []


def test_a_span_can_be_of_one_label_or_one_adapter(traffic: Traffic) -> None:
    traffic.add([a_text(0), a_text(1, served_as="canary"), a_text(2, adapter="b" * 64)])
    assert [one.key for one in traffic.served(0, 2000, served_as="canary")] == ["key-1"]
    assert [one.key for one in traffic.served(0, 2000, adapter="b" * 64)] == ["key-2"]


def test_the_last_word_on_a_text_counts_and_is_of_the_text_that_was_scored(traffic: Traffic) -> None:
    traffic.add([a_text(0), a_text(1), a_text(2)])
    traffic.add(feedback=[Feedback(1, "key-0", "negative", None), Feedback(2, "nobody", "negative", None)])
    traffic.add(feedback=[Feedback(3, "key-0", "positive", 0.5), Feedback(4, "key-2", None, -1.0)])
    found = {one.key: (feedback.label, feedback.score) for one, feedback in traffic.judged(0, 2000)}
    assert found == {"key-0": ("positive", 0.5), "key-2": (None, -1.0)}
    assert [one.key for one, _ in traffic.judged(1001, 2000)] == ["key-2"]
    assert (traffic.knows("key-1"), traffic.knows("nobody")) == (True, False)


def test_an_id_that_was_used_again_counts_once_with_its_last_text(traffic: Traffic) -> None:
    traffic.add([a_text(0), a_text(5, key="key-0", label="negative")])
    traffic.add(feedback=[Feedback(9, "key-0", "negative", None)])
    assert [(one.time, one.label) for one, _ in traffic.judged(0, 2000)] == [(1005.0, "negative")]


def test_the_latest_texts_are_those_scored_last_each_once_if_they_are_wanted_with_their_text(traffic: Traffic) -> None:
    traffic.add([a_text(number, text="x", text_digest=f"{number % 3:064x}") for number in range(9)])
    traffic.add([a_text(20), a_text(21, served_as="shadow", text="x")])
    assert [one.key for one in traffic.latest(2)] == ["key-8", "key-20"]
    assert [one.key for one in traffic.latest(10, with_text=True)] == ["key-6", "key-7", "key-8"]


def test_minutes_are_added_up_over_calls_and_kept_apart_by_server(traffic: Traffic) -> None:
    for _ in range(3):
        traffic.add(minutes=[MinuteCount(20, "one", "answered", 5), MinuteCount(20, "two", "busy", 1)])
    traffic.add(minutes=[MinuteCount(21, "one", "answered", 2)])
    assert traffic.minutes(1200, 1260) == [MinuteCount(20, "one", "answered", 15), MinuteCount(20, "two", "busy", 3)]
    assert len(traffic.minutes(0, 1e9)) == 3


def test_servers_that_add_at_the_same_time_lose_nothing(address: str) -> None:
    def add(server: int) -> None:
        with open_store(address) as store:
            for number in range(10):
                rows = [a_text(number, key=f"{server}-{number}-{place}") for place in range(20)]
                store.traffic.add(
                    rows, minutes=[MinuteCount(1, str(server), "answered", 20), MinuteCount(1, "all", "x", 1)]
                )

    open_store(address).close()
    threads = [threading.Thread(target=add, args=(server,)) for server in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with open_store(address) as store:
        assert len({one.key for one in store.traffic.served(0, 2000)}) == 800
        counts = {(one.server, one.outcome): one.requests for one in store.traffic.minutes(0, 100)}
        assert counts == {**{(str(server), "answered"): 200 for server in range(4)}, ("all", "x"): 40}


def test_what_is_old_is_forgotten_and_nothing_else(traffic: Traffic) -> None:
    traffic.add([a_text(number) for number in range(10)])
    traffic.add(feedback=[Feedback(1000, "key-0", "positive", None), Feedback(1000, "key-9", "positive", None)])
    traffic.add(minutes=[MinuteCount(16, "one", "answered", 1), MinuteCount(17, "one", "answered", 1)])
    assert traffic.forget(1020) == 10
    traffic.add([a_text(9)])
    assert traffic.forget(1005) == 0
    assert [one.minute for one in traffic.minutes(0, 9999)] == [17]


@pytest.mark.parametrize(
    "row",
    [a_text(score=math.nan), a_text(confidence=math.inf), a_text(key=""), a_text(key="x" * 129), a_text(key="a\0")],
)
def test_what_cannot_be_kept_is_refused_with_all_that_came_with_it(traffic: Traffic, row: Served) -> None:
    with pytest.raises(StoreError):
        traffic.add([a_text(1), row])
    assert list(traffic.served(0, 2000)) == []


@pytest.mark.parametrize(
    "change", ["label = 'negative'", "score = 0.5", "body = '{}'", "time = time + 1", "served_as = 'canary'"]
)
def test_a_changed_row_is_damage(address: str, change: str) -> None:
    with open_store(address) as store:
        store.traffic.add([a_text(0)])
        with store._database.write() as connection:
            connection.execute(text(f"UPDATE darse_served SET {change}"))
        with pytest.raises(CorruptStoreError, match="text 1 that was scored"):
            list(store.traffic.served(0, 9999))


def test_texts_are_where_the_studies_are(tmp_path: Path) -> None:
    with open_store(tmp_path / "store.db") as store:
        store.traffic.add([a_text(0)])
        assert store.studies() == []
