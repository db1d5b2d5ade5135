"""What the database sums up of a log is what its rows say."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from darse.errors import StoreError
from darse.monitor.figures import look_at
from darse.monitor.series import Counted
from darse.store.open import open_store
from darse.store.sql import SqlStore
from darse.store.traffic import Feedback, MinuteCount
from darse.store.traffic_overview import Judged, Sums
from tests.store.test_traffic import a_text


@pytest.fixture
def store(address: str) -> Iterator[SqlStore]:
    with open_store(address) as opened:
        yield opened


def fill(store: SqlStore, rows: int = 300) -> None:
    stream = np.random.default_rng(0)
    store.traffic.add(
        [
            a_text(
                at,
                label=None if at % 7 == 0 else "positive" if at % 3 else "negative",
                score=None if at % 5 == 0 else float(stream.normal()),
                confidence=float(stream.random()),
                tokens=at % 4,
                unknown=at % 2,
                seconds=float(stream.lognormal(-4, 1)),
                served_as="canary" if at % 10 == 9 else "prod",
                adapter=("a" if at % 2 else "b") * 64,
            )
            for at in range(rows)
        ]
    )


def test_sums_are_those_of_the_rows(store: SqlStore) -> None:
    fill(store)
    found = store.traffic_overview.sums(1050, 1200, served_as="prod")[0]
    figures, window = Counted(1050, 1200, found).figures, look_at(store.traffic, 1050, 1200)
    assert found.texts == window.texts
    assert found.adapters.keys() == window.samples.keys()
    for name, value in window.figures.items():
        if not name.startswith("latency"):
            assert figures[name] == pytest.approx(value, abs=1e-9), name
    seconds = sorted(one.seconds for one in store.traffic.served(1050, 1200, served_as="prod"))
    for part in (0.5, 0.95, 0.99):
        nearest = seconds[math.ceil(part * len(seconds)) - 1]
        assert nearest <= (found.percentile_s(part) or 0.0) <= 1.1 * nearest


def test_sums_of_parts_add_up_to_the_sum_of_the_whole(store: SqlStore) -> None:
    fill(store)
    whole, parts = store.traffic_overview.sums(1000, 1300, served_as="prod")[0], Sums()
    by_unit = store.traffic_overview.sums(1000, 1300, served_as="prod", unit_s=50)
    assert list(by_unit) == [0, 1, 2, 3, 4, 5]
    for unit, sums in by_unit.items():
        alone = store.traffic_overview.sums(1000 + 50 * unit, 1050 + 50 * unit, served_as="prod")
        assert (alone[0].texts, alone[0].labels, alone[0].bins) == (sums.texts, sums.labels, sums.bins)
        parts.add(sums)
    assert (parts.texts, parts.labels, parts.adapters, parts.bins) == (
        whole.texts, whole.labels, whole.adapters, whole.bins,
    )  # fmt: skip
    assert parts.scores == pytest.approx(whole.scores)
    assert parts.percentile_s(0.99) == whole.percentile_s(0.99)
    assert Sums().percentile_s(0.5) is None


@pytest.mark.parametrize("seconds", [0.0, 0.0005, 0.001, 0.02, 3.0, 1e4])
def test_a_time_is_known_to_within_a_tenth_between_a_millisecond_and_a_minute(store: SqlStore, seconds: float) -> None:
    store.traffic.add([a_text(0, seconds=seconds)])
    found = store.traffic_overview.sums(0, 1e9, served_as="prod")[0].percentile_s(0.5)
    assert found is not None
    if 0.001 <= seconds <= 60:
        assert seconds * (1 - 1e-9) <= found <= 1.1 * seconds
    else:
        assert math.isfinite(found)


def test_the_last_word_on_a_text_counts(store: SqlStore) -> None:
    store.traffic.add([a_text(0, score=0.5), a_text(1), a_text(2, served_as="shadow")])
    told = [("key-0", "positive", 0.25), ("key-0", "negative", 1.0), ("key-2", "positive", None), ("none", "x", None)]
    store.traffic.add([], [Feedback(2000.0, key, label, score) for key, label, score in told])
    found = store.traffic_overview.judged(900, 1e9, served_as="prod", unit_s=50)
    assert found == {2: Judged((0, 1), (0.25, 1))}
    assert store.traffic_overview.judged(1001, 1e9, served_as="prod", unit_s=50) == {}


def test_a_sample_is_even_and_no_larger_than_asked(store: SqlStore) -> None:
    fill(store)
    found = store.traffic_overview.sample(1000, 1300, served_as="prod", amount=50)
    assert 20 <= len(found) <= 50
    assert [one.time for one in found] == sorted(one.time for one in found)
    assert np.mean([one.time for one in found]) == pytest.approx(1150, abs=40)
    assert len(store.traffic_overview.sample(1000, 1005, served_as="prod", amount=50)) == 5


def test_requests_are_counted_by_window(store: SqlStore) -> None:
    counts = [(0, "answered", 5), (4, "failed", 1), (5, "answered", 2), (14, "busy", 3)]
    store.traffic.add([], [], [MinuteCount(minute, "s", outcome, requests) for minute, outcome, requests in counts])
    found = store.traffic_overview.requests(0, 900, window_s=300)
    assert found == {0: {"answered": 5, "failed": 1}, 1: {"answered": 2}, 2: {"busy": 3}}


def test_every_alert_is_there_and_the_span_is_that_of_the_texts(store: SqlStore) -> None:
    assert store.traffic_overview.span() is None
    fill(store, rows=3)
    assert store.traffic_overview.span() == (1000.0, 1002.0)
    store.traffic.set_alert("drift", {}, {"level": "alert"})
    store.traffic.set_alert("a", {}, {"level": "ok"})
    assert list(store.traffic_overview.alerts()) == ["a", "drift"]


def test_a_log_that_is_gone_is_one_line(store: SqlStore, address: str) -> None:
    if not address.startswith("sqlite"):
        pytest.skip("a server has no file to lose")
    Path(address.removeprefix("sqlite:///")).unlink()
    store.close()
    with pytest.raises(StoreError, match="cannot be opened"):
        store.traffic_overview.span()
