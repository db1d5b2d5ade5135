"""Windows over the log: every text counts once, in its own window, under its own label and adapter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from darse.monitor import figures
from darse.monitor.figures import look_at
from darse.store.open import open_store
from darse.store.traffic import Feedback, MinuteCount, Traffic
from tests.store.test_traffic import a_text


@pytest.fixture
def traffic(tmp_path: Path) -> Iterator[Traffic]:
    with open_store(tmp_path / "store.db") as store:
        yield store.traffic


def test_figures_are_of_the_texts_of_the_window(traffic: Traffic) -> None:
    labels = ["positive", "negative", "negative", "negative"]
    traffic.add([a_text(at, label=label, seconds=at / 10, tokens=10 * at) for at, label in enumerate(labels)])
    traffic.add(
        minutes=[
            MinuteCount(16, "s", "answered", 6),
            MinuteCount(16, "s", "failed", 2),
            MinuteCount(17, "s", "busy", 9),
        ]
    )
    found = look_at(traffic, 960, 1004).figures
    assert found["texts"] == 4
    assert (found["share:negative"], found["share:positive"]) == (0.75, 0.25)
    assert found["tokens_mean"] == 15
    assert found["latency_p50_s"] == pytest.approx(0.15)
    assert (found["requests"], found["error_share"], found["busy_share"]) == (8, 0.25, 0.0)
    assert "accuracy" not in found
    assert look_at(traffic, 2000, 3000).figures == {"requests": 0, "texts": 0}


def test_quality_is_that_of_the_texts_with_feedback(traffic: Traffic) -> None:
    traffic.add([a_text(at, label="positive", score=0.5) for at in range(10)])
    traffic.add(feedback=[Feedback(1, f"key-{at}", "positive" if at < 3 else "negative", at / 2) for at in range(4)])
    found = look_at(traffic, 0, 2000).figures
    assert found["accuracy"] == 0.75
    assert found["mse"] == pytest.approx((0.25 + 0 + 0.25 + 1) / 4)


def test_labels_and_adapters_are_kept_apart(traffic: Traffic) -> None:
    traffic.add([a_text(0), a_text(1, served_as="canary"), a_text(2, served_as="shadow"), a_text(3, adapter="b" * 64)])
    assert look_at(traffic, 0, 2000).texts == 2
    assert look_at(traffic, 0, 2000, served_as="shadow").texts == 1
    assert look_at(traffic, 0, 2000, adapter="b" * 64).texts == 1


def test_of_many_texts_some_are_looked_at_from_the_whole_window(
    traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "MAX_TEXTS", 10)
    traffic.add([a_text(at, tokens=at) for at in range(333)])
    window = look_at(traffic, 0, 2000)
    assert window.texts == 333
    assert window.sample is not None
    assert 10 <= len(window.sample) <= 20
    assert window.sample.tokens.min() == 0
    assert window.sample.tokens.max() > 300
