"""`darse watch`: what a server has kept, as a table and as JSON, and what is refused."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from darse.cli.main import run
from darse.store.open import open_store
from darse.store.traffic import Feedback, MinuteCount
from tests.monitor.test_watching import texts, usual


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A day of traffic whose last hour has another mix of labels."""
    path = tmp_path / "traffic.db"
    now = time.time()
    with open_store(path) as opened:
        opened.traffic.keep_usual("a" * 64, usual().as_json())
        opened.traffic.add(texts(1, now - 3700), minutes=[MinuteCount(int(now // 60), "s", "failed", 3)])
        opened.traffic.add(texts(2, now - 210, positive=0.1), [Feedback(now, "2-7", "negative", None)])
    return str(path)


def test_windows_are_a_table_and_drift_is_said_in_words(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["watch", store, "--window", "2h", "--windows", "3"]) == 0
    said = capsys.readouterr().out
    assert "mix of labels" in said
    assert "drift since" in said
    assert "accuracy" in said


def test_the_same_as_json(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["watch", store, "--window", "1d", "--windows", "2", "--json"]) == 0
    windows = json.loads(capsys.readouterr().out)
    assert sum(one["figures"]["texts"] for one in windows) == 400
    assert {drift["column"] for one in windows for drift in one["drift"].get("a" * 64, [])} == {
        *("label", "score", "confidence", "tokens", "unknown")
    }


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--window", "1x"], "'1x' is no span of time; write 90m, 1h or 2d"),
        (["--window", "0h"], "is no span of time"),
        (["--window", "\u0661h"], "is no span of time"),
        (["--windows", "0"], "--windows is 0; 1 to 1000 can be shown"),
        (["--served-as", "canary"], "nothing was answered in these windows"),
        (["--adapter", "nowhere"], "nowhere has no darse.json"),
    ],
)
def test_what_cannot_be_shown_is_one_line(
    store: str, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if "canary" in options:
        with open_store(store) as opened:
            opened.traffic.forget(time.time() + 120)
    assert run(["watch", store, *options]) == 2
    assert said in capsys.readouterr().err


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["watch", str(tmp_path / "none.db")]) == 2
    assert "there is no store" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
