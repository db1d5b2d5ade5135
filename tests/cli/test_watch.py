"""`darse watch`: what a server has kept, as a table and as JSON, and what is refused."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
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


RULES = """
rules:
  - {name: unhappy, metric: share, label: negative, window: 5m, alert: 0.7}
  - {name: volume, metric: texts, window: 1d, alert: 1000000}
"""


@pytest.fixture
def rules(tmp_path: Path) -> str:
    (tmp_path / "alerts.yaml").write_text(RULES)
    return str(tmp_path / "alerts.yaml")


def test_a_look_by_the_rules_says_how_they_stand_and_fails_at_an_alert(
    store: str, rules: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["watch", store, "--rules", rules]) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("alert   unhappy: 0.")
    assert second.startswith("ok      volume: ")
    assert run(["watch", store, "--rules", rules, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["unhappy"]["level"] == "alert"


def test_a_rule_is_muted_and_tried_out_by_its_name(store: str, rules: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["watch", store, "--rules", rules, "--mute", "unhappy", "--for", "2h"]) == 0
    assert "unhappy is silent until" in capsys.readouterr().out
    assert run(["watch", store, "--rules", rules, "--test-fire", "unhappy"]) == 0
    for options in (["--mute", "other", "--for", "2h"], ["--test-fire", "other"]):
        assert run(["watch", store, "--rules", rules, *options]) == 2
        assert "there is no rule 'other'; there is unhappy, volume" in capsys.readouterr().err
    assert run(["watch", store, "--rules", rules, "--mute", "unhappy"]) == 2
    assert run(["watch", store, "--follow"]) == 2


def test_a_target_without_its_variable_is_one_line(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "told.yaml").write_text(RULES + "notify: [{env: DARSE_NO_SUCH_VARIABLE}]\n")
    assert run(["watch", store, "--rules", str(tmp_path / "told.yaml")]) == 2
    assert "the variable DARSE_NO_SUCH_VARIABLE is not set" in capsys.readouterr().err


def test_following_ends_with_a_signal(store: str, rules: str) -> None:
    command = [sys.executable, "-m", "darse", "watch", store, "--rules", rules, "--follow"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "unhappy" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 143
