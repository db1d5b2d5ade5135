"""What a server answers, in the store: every text once, none that is not to be kept, and nobody waits for a disk."""

from __future__ import annotations

import hashlib
import math
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from darse.errors import StoreError
from darse.store.open import open_store
from darse.store.traffic import Served, Traffic
from tests.serve.serving import Running, digest_of, running
from tests.serve.test_app import figures, wait_for


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "traffic.db"


def rows(store: Path) -> list[Served]:
    with open_store(store) as opened:
        return list(opened.traffic.served(0, math.inf))


@pytest.fixture
def logged(store: Path) -> Iterator[Running]:
    with open_store(store) as opened, running(traffic=opened.traffic) as server:
        yield server


def test_every_text_is_kept_once_by_its_digest_and_none_by_its_words(store: Path) -> None:
    with open_store(store) as opened, running(traffic=opened.traffic) as server, ThreadPoolExecutor(8) as pool:
        texts = [f"a secret number {number} ?" for number in range(200)]
        asked = [
            {"texts": [{"text": text, "id": f"n{at + place}"} for place, text in enumerate(texts[at : at + 5])]}
            for at in range(0, 200, 5)
        ]
        answers = list(pool.map(lambda body: server.client.post("/v1/score", json=body), asked))
    assert all(answer.status_code == 200 for answer in answers)
    said = {one["id"]: one for answer in answers for one in answer.json()["results"]}
    kept = {row.key: row for row in rows(store)}
    assert kept.keys() == said.keys()
    for number, text in enumerate(texts):
        row, one = kept[f"n{number}"], said[f"n{number}"]
        assert (row.label, row.score) == (one["label"], one["score"])
        assert row.confidence == one["probabilities"][one["label"]]
        assert (row.adapter, row.name, row.served_as) == (digest_of(0), "a", "prod")
        assert row.text_digest == hashlib.sha256(text.encode()).hexdigest()
        assert (row.characters, row.tokens, row.unknown) == (len(text), 5, 1)
        assert row.text is None
    for file in store.parent.iterdir():
        assert b"secret" not in file.read_bytes()


def test_texts_are_kept_where_that_is_wanted(store: Path) -> None:
    with open_store(store) as opened, running(traffic=opened.traffic, keep_texts=True) as server:
        server.ask("not bad")
    assert [row.text for row in rows(store)] == ["not bad"]


def test_the_shadow_is_kept_beside_prod_under_the_same_id(store: Path) -> None:
    with open_store(store) as opened, running(traffic=opened.traffic) as server:
        server.client.put("/v1/labels/canary", json={"name": "b", "shadow": True})
        server.ask("not bad", id="x")
        wait_for(lambda: sum(figures(server, "darse_shadow_texts_total").values()) == 1)
    assert {(row.key, row.served_as, row.name) for row in rows(store)} == {("x", "prod", "a"), ("x", "shadow", "b")}


def test_requests_are_counted_by_what_became_of_them(store: Path) -> None:
    with open_store(store) as opened, running(traffic=opened.traffic) as server:
        for text in ("good", "good", "", "break"):
            server.ask(text)
        server.client.get("/livez")
    with open_store(store) as opened:
        counted: Counter[str] = Counter()
        for minute in opened.traffic.minutes(0, 1e12):
            counted[minute.outcome] += minute.requests
    assert counted == {"answered": 2, "refused": 1, "failed": 1}


def test_feedback_is_kept_for_texts_that_were_scored_and_no_others(logged: Running, store: Path) -> None:
    logged.ask("good", id="x")
    tell = logged.client.post
    assert tell("/v1/feedback", json={"id": "x", "label": "good"}).status_code == 200
    assert tell("/v1/feedback", json={"id": "y", "label": "good"}).status_code == 404
    for body in ({"id": "x"}, {"id": "x", "label": "neutral"}, {"id": "x", "score": "1"}, {"id": "x", "label": ""}):
        assert tell("/v1/feedback", json=body).status_code == 422
    assert tell("/v1/feedback", json={"id": "x", "label": "bad", "score": 0.25}).status_code == 200
    logged.service.log.close(20.0)  # type: ignore[union-attr]  # it has one
    with open_store(store) as opened:
        ((row, feedback),) = opened.traffic.judged(0, math.inf)
    assert (row.key, feedback.label, feedback.score) == ("x", "bad", 0.25)


def test_without_a_log_there_is_no_feedback() -> None:
    with running() as server:
        server.ask("good", id="x")
        answer = server.client.post("/v1/feedback", json={"id": "x", "label": "good"})
        assert answer.status_code == 404
        assert "keeps no log" in answer.json()["error"]["message"]


class Broken(Traffic):
    """A store that is away until it is not."""

    is_away = True

    def add(self, *rows: object, **more: object) -> None:
        if self.is_away:
            raise StoreError("the disk is full")
        super().add(*rows, **more)  # type: ignore[arg-type]  # whatever was given


def test_a_store_that_is_away_delays_nobody_and_gets_all_of_it_afterwards(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("darse.serve.log._MAX_PAUSE_S", 0.01)
    with open_store(store) as opened:
        traffic = Broken(opened._database)
        with running(traffic=traffic) as server:
            for number in range(30):
                assert server.ask("good", id=f"n{number}").status_code == 200
            traffic.is_away = False
            wait_for(lambda: len(list(opened.traffic.served(0, math.inf))) == 30)
            assert sum(figures(server, "darse_unlogged_texts_total").values()) == 0
    assert len({row.key for row in rows(store)}) == 30


def test_a_store_that_stays_away_costs_no_memory_without_end_and_is_counted(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("darse.serve.log._MAX_KEPT", 10)
    with open_store(store) as opened, running(traffic=Broken(opened._database)) as server:
        for _ in range(25):
            assert server.ask("good").status_code == 200
        assert figures(server, "darse_unlogged_texts_total") == {"darse_unlogged_texts_total": 15.0}


def test_a_lock_on_the_store_delays_nobody(store: Path) -> None:
    with open_store(store) as opened, running(traffic=opened.traffic, deadline_s=5) as server:
        other = sqlite3.connect(store, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        held = threading.Event()
        held.set()
        for _ in range(20):
            assert server.ask("good").status_code == 200
        other.rollback()
        other.close()
    assert len(rows(store)) == 20
