"""A file of rules: read whole, every problem named, nothing in it run or followed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darse.errors import InputError, SettingsError
from darse.monitor.rules import LEVELS, Level, Rule, read_rules

GOOD = """
rules:
  - name: customers turn unhappy
    metric: share
    label: negative
    window: 6h
    warning: 0.3
    alert: 0.4
    recover: 0.05
    consecutive: 2
    remind: 1d
    mute_until: 2026-12-01T08:00:00Z
  - {name: quality, metric: accuracy, direction: below, alert: 0.8, no_data: ok}
  - {name: drift, metric: drift, warning: 0.1, window: 1d}
notify:
  - {env: ALERT_URL, levels: [alert]}
every: 5m
"""


def test_rules_are_read_as_written(tmp_path: Path) -> None:
    (tmp_path / "alerts.yaml").write_text(GOOD)
    rules = read_rules(tmp_path / "alerts.yaml")
    assert [rule.figure for rule in rules.rules] == ["share:negative", "accuracy", "drift"]
    assert rules.rules[0].window_s == 6 * 3600
    assert rules.notify[0].env == "ALERT_URL"


WRONG = {
    "rules: []": "must not be empty",
    "rules: [{name: a, metric: share, alert: 1}]": "label is for the metric share, and share needs one",
    "rules: [{name: a, metric: texts, label: x, alert: 1}]": "label is for the metric share",
    "rules: [{name: a, metric: texts}]": "give warning, alert, or both",
    "rules: [{name: a, metric: other, alert: 1}]": "rules.0.metric",
    "rules: [{name: a, metric: texts, alert: 1, warning: 2}]": "the warning has to come before the alert",
    "rules: [{name: a, metric: texts, direction: below, alert: 2, warning: 1}]": "the warning has to come before",
    "rules: [{name: a, metric: texts, alert: .nan}]": "must be a finite number",
    "rules: [{name: a, metric: texts, alert: 1, window: 1w}]": "is no span of time; write 90m, 1h or 2d",
    "rules: [{name: a, metric: texts, alert: 1, mute_until: 2026-12-01T08:00:00}]": "mute_until needs a zone",
    "rules: [{name: a, metric: texts, alert: 1, more: 1}]": "more",
    "rules: [{name: a, metric: texts, alert: 1}, {name: a, metric: texts, alert: 2}]": "two rules are called 'a'",
    "rules: [{name: a, metric: texts, alert: 1}]\nnotify: [{}]": "either env or url",
    "rules: [{name: a, metric: texts, alert: 1}]\nnotify: [{env: lower}]": "notify.0.env",
}


@pytest.mark.parametrize(("content", "said"), WRONG.items())
def test_a_wrong_rule_is_named_with_its_place(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "alerts.yaml").write_text(content)
    with pytest.raises(SettingsError) as caught:
        read_rules(tmp_path / "alerts.yaml")
    assert said in str(caught.value)


def test_an_address_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / "alerts.yaml").write_text(
        "rules: [{name: a, metric: texts, alert: 1}]\nnotify: [{url: 'json://user:hunter2@host', levels: [ok]}]"
    )
    with pytest.raises(SettingsError) as caught:
        read_rules(tmp_path / "alerts.yaml")
    assert "hunter2" not in str(caught.value)


HOSTILE = [
    b"",
    b"\x00",
    b"\xff\xfe",
    b"[" * 10_000,
    b"- &a [x, x]\n- &b [*a, *a]\n- *b",
    b"!!python/object/apply:os.system ['touch canary']",
    b"rules: !!python/name:os.system",
    b"a: b: c",
    b"%YAML 9.9\n---\n",
    b"rules:\n\t- x",
    b"x" * (1 << 19),
]


@pytest.mark.parametrize("content", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_file_of_rules_is_one_error_and_runs_nothing(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "alerts.yaml").write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_rules(tmp_path / "alerts.yaml")
    assert str(caught.value).isprintable()
    assert not (tmp_path / "canary").exists()


@given(st.floats(0, 1), st.sampled_from(LEVELS), st.floats(0, 0.2), st.sampled_from(["above", "below"]))
def test_a_worse_value_is_never_a_better_level_and_the_way_back_is_longer(
    value: float, before: Level, recover: float, direction: str
) -> None:
    limits = (0.4, 0.6) if direction == "above" else (0.6, 0.4)
    rule = Rule.model_validate(
        {"name": "a", "metric": "accuracy", "direction": direction, "warning": limits[0], "alert": limits[1]}
        | {"recover": recover}
    )
    worse = value + 0.05 if direction == "above" else value - 0.05
    order = LEVELS.index
    assert order(rule.level(worse, before)) >= order(rule.level(value, before))
    assert order(rule.level(value, "alert")) >= order(rule.level(value, "ok"))
    if recover == 0:
        assert rule.level(value, "alert") == rule.level(value, "ok")
