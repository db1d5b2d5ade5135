"""Windows summed by the database: the same figures as reading gives, in the time there is, and no hour twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from darse.monitor.series import Counted, Series, Span, drift_of
from darse.monitor.watching import watch
from darse.store.open import open_store
from darse.store.sql import SqlStore
from darse.store.traffic import Feedback, MinuteCount
from darse.store.traffic_overview import Sums, TrafficOverview
from tests.monitor.test_watching import HOUR, NOW, texts, usual


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with open_store(tmp_path / "store.db") as opened:
        for hour in range(24):
            opened.traffic.add(texts(hour, hour * HOUR + 7, rows=30))
        opened.traffic.add(
            [], [Feedback(1.0, f"5-{at}", "positive", 0.5) for at in range(20)], [MinuteCount(300, "s", "failed", 2)]
        )
        yield opened


@dataclass
class Counting:
    """Counts how often the log is summed."""

    overview: TrafficOverview
    asked: list[float] = field(default_factory=list)

    def __getattr__(self, name: str) -> object:
        return getattr(self.overview, name)

    def sums(self, since: float, until: float, *, served_as: str, unit_s: float) -> dict[int, Sums]:
        self.asked += [since + place * unit_s for place in range(round((until - since) / unit_s))]
        return self.overview.sums(since, until, served_as=served_as, unit_s=unit_s)


@dataclass
class Clock:
    """Goes on whenever it is read."""

    now: float = 0.0
    step: float = 1.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def windows(
    series: Series, overview: object, *, window_s: int = 3600, amount: int = 30, wait_s: float = 1e9
) -> list[Counted]:
    span = Span(NOW, window_s, amount, "prod")
    return series.windows("log", cast(TrafficOverview, overview), span, now=NOW, wait_s=wait_s)


@pytest.mark.parametrize("window_s", [900, 3600, 21_600])
def test_figures_are_those_of_reading_every_row(store: SqlStore, window_s: int) -> None:
    counted = windows(Series(), store.traffic_overview, window_s=window_s)
    seen = watch(store.traffic, now=NOW, window_s=window_s, windows=30)
    assert [(one.since, one.until) for one in counted] == [(one.window.since, one.window.until) for one in seen]
    for ours, theirs in zip(counted, seen, strict=True):
        assert ours.is_whole
        expected = {name: value for name, value in theirs.window.figures.items() if not name.startswith("latency")}
        found = {name: value for name, value in ours.figures.items() if not name.startswith("latency")}
        assert found == pytest.approx(expected)


def test_an_hour_that_is_over_is_summed_once(store: SqlStore) -> None:
    clock = Clock(step=100.0)
    series, overview = Series(clock), Counting(store.traffic_overview)
    first = windows(series, overview)
    asked = len(overview.asked)
    assert asked == 24, "hours outside the log are not asked for"
    assert windows(series, overview) == first
    assert windows(series, overview, window_s=21_600)[-2].sums.texts == 180
    assert len(overview.asked) == asked


def test_an_hour_that_goes_on_is_summed_again(store: SqlStore) -> None:
    series = Series(Clock(step=100.0))
    before = windows(series, store.traffic_overview)[-1].sums.texts
    store.traffic.add(texts(99, NOW - 5, rows=3))
    assert windows(series, store.traffic_overview)[-1].sums.texts == before + 3


def test_what_does_not_fit_into_the_time_is_said_and_comes_the_next_time_newest_first(store: SqlStore) -> None:
    series = Series(Clock(step=20.0))
    first = windows(series, store.traffic_overview, wait_s=100.0)
    whole = [one.is_whole for one in first if 0 <= one.since < 24 * HOUR]
    assert whole == sorted(whole)
    assert not all(whole)
    assert any(one.sums.texts for one in first)
    for _ in range(10):
        last = windows(series, store.traffic_overview, wait_s=100.0)
    assert all(one.is_whole for one in last)


def test_the_same_windows_asked_for_within_seconds_are_not_looked_at_again(store: SqlStore) -> None:
    series = Series(Clock(step=0.01))
    before = windows(series, store.traffic_overview)
    store.traffic.add(texts(99, NOW - 5, rows=3))
    assert windows(series, store.traffic_overview) is before
    assert windows(series, store.traffic_overview, amount=29)[-1].sums.texts == before[-1].sums.texts + 3


def test_drift_of_a_sample_is_told_by_adapter(store: SqlStore) -> None:
    store.traffic.keep_usual("a" * 64, usual().as_json())
    store.traffic.add(texts(50, 30 * HOUR, positive=0.1, rows=400))
    store.traffic.add(texts(51, 30 * HOUR, rows=40, adapter="b" * 64))
    found = drift_of(store, 30 * HOUR, 31 * HOUR, served_as="prod")
    assert found["b" * 64] is None
    drifts = found["a" * 64]
    assert drifts is not None
    assert {one.column for one in drifts if one.is_shown} == {"label"}
