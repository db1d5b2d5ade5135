"""Windows up to now, each compared with what is usual of the adapter that answered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from darse.errors import StoreError
from darse.evaluate.sample import Sample
from darse.monitor.watching import watch
from darse.store.open import open_store
from darse.store.traffic import Served, Traffic
from tests.store.test_traffic import a_text

NOW = 100_000.0
HOUR = 3600.0


@pytest.fixture
def traffic(tmp_path: Path) -> Iterator[Traffic]:
    with open_store(tmp_path / "store.db") as store:
        yield store.traffic


def texts(seed: int, since: float, *, positive: float = 0.6, rows: int = 200, adapter: str = "a" * 64) -> list[Served]:
    stream = np.random.default_rng(seed)
    return [
        a_text(
            at,
            key=f"{seed}-{at}",
            time=since + at,
            label="positive" if stream.random() < positive else "negative",
            score=float(stream.normal()),
            confidence=float(stream.beta(8, 2)),
            adapter=adapter,
        )
        for at in range(rows)
    ]


def usual(seed: int = 9) -> Sample:
    rows = texts(seed, 0)
    return Sample.of(
        label=[str(one.label) for one in rows],
        score=[one.score or 0.0 for one in rows],
        confidence=[one.confidence or 0.0 for one in rows],
        tokens=[one.tokens for one in rows],
        unknown=[one.unknown / one.tokens for one in rows],
    )


def test_windows_end_with_the_one_that_has_begun_and_begin_at_whole_hours(traffic: Traffic) -> None:
    seen = watch(traffic, now=NOW, window_s=HOUR, windows=3)
    assert [one.window.since for one in seen] == [27 * HOUR - 2 * HOUR, 26 * HOUR, 27 * HOUR]
    assert seen[-1].window.since <= NOW < seen[-1].window.until


def test_a_shift_is_shown_in_the_window_where_it_is(traffic: Traffic) -> None:
    traffic.keep_usual("a" * 64, usual().as_json())
    traffic.add([*texts(1, 26 * HOUR), *texts(2, 27 * HOUR, positive=0.2)])
    before, after = watch(traffic, now=NOW, window_s=HOUR, windows=2)
    assert before.shown == []
    assert [one.column for one in after.shown] == ["label"]


def test_each_adapter_is_compared_with_what_is_usual_of_it(traffic: Traffic) -> None:
    traffic.keep_usual("a" * 64, usual().as_json())
    traffic.add([*texts(1, 27 * HOUR), *texts(2, 27 * HOUR, positive=0.1, adapter="b" * 64)])
    (seen,) = watch(traffic, now=NOW, window_s=HOUR, windows=1)
    assert seen.drifts["b" * 64] is None
    assert seen.shown == []
    (given,) = watch(traffic, now=NOW, window_s=HOUR, windows=1, usual=usual())
    assert [one.column for one in given.shown] == ["label"]


def test_what_was_usual_stays_when_it_is_kept_again(traffic: Traffic) -> None:
    traffic.keep_usual("a" * 64, usual(1).as_json())
    traffic.keep_usual("a" * 64, usual(2).as_json())
    assert traffic.usual("a" * 64) == usual(1).as_json()
    assert traffic.usual("b" * 64) is None


def test_what_is_kept_as_usual_and_is_none_is_one_clear_error(traffic: Traffic) -> None:
    traffic.keep_usual("a" * 64, {"label": ["x"]})
    traffic.add(texts(1, 27 * HOUR))
    with pytest.raises(StoreError, match="what is usual of adapter aaaaaaaaaaaa cannot be read"):
        watch(traffic, now=NOW, window_s=HOUR, windows=1)
