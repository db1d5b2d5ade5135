"""Rules over a log: every change reaches every target once, whatever is away or looks at the same time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from darse.errors import InputError
from darse.monitor.alerts import Notice
from darse.monitor.guard import Guard
from darse.monitor.notify import DeliveryError
from darse.monitor.rules import Rules
from darse.store.open import open_store
from darse.store.traffic import MinuteCount, Traffic
from tests.monitor.test_watching import texts, usual

NOW = 100_000.0


@dataclass
class FakeNotifier:
    """Remembers what it was told; may be away."""

    is_away: bool = False
    told: list[tuple[str, str]] = field(default_factory=list)

    def send(self, title: str, body: str, notice: Notice) -> None:
        if self.is_away:
            raise DeliveryError("nobody answers")
        self.told.append((title, body))

    @property
    def titles(self) -> list[str]:
        return [title for title, _ in self.told]


@pytest.fixture
def traffic(tmp_path: Path) -> Iterator[Traffic]:
    with open_store(tmp_path / "store.db") as store:
        yield store.traffic


def some_rules(*more: dict[str, object], notify: int = 1) -> Rules:
    unhappy = {"name": "unhappy", "metric": "share", "label": "negative", "alert": 0.7}
    targets: list[dict[str, object]] = [{"env": "A"}, {"env": "B", "levels": ["warning"]}, {"env": "C"}]
    return Rules.model_validate({"rules": [unhappy, *more], "notify": targets[:notify]})


def test_a_rule_fires_on_the_texts_of_its_window_and_recovers(traffic: Traffic) -> None:
    one = FakeNotifier()
    guard = Guard(traffic, some_rules(), [one])
    traffic.add(texts(1, NOW - 3000))
    assert guard.look(NOW)[0].standing.level == "ok"
    traffic.add(texts(2, NOW, positive=0.05, rows=600))
    assert guard.look(NOW + 700)[0].standing.level == "alert"
    assert guard.look(NOW + 760)[0].standing.level == "alert"
    traffic.add(texts(3, NOW + 5000))
    assert guard.look(NOW + 5300)[0].standing.level == "ok"
    assert one.titles == ["alert: unhappy", "recovered: unhappy"]
    assert "share of negative is 0." in one.told[0][1]


def test_few_texts_are_no_data(traffic: Traffic) -> None:
    traffic.add(texts(1, NOW - 100, positive=0.0, rows=29))
    (stands,) = Guard(traffic, some_rules(), [FakeNotifier()]).look(NOW)
    assert (stands.standing.level, stands.standing.value) == ("ok", None)


def test_drift_errors_and_volume_are_watched(traffic: Traffic) -> None:
    rules = some_rules(
        {"name": "drift", "metric": "drift", "warning": 0.1},
        {"name": "errors", "metric": "error_share", "alert": 0.1},
        {"name": "volume", "metric": "requests", "direction": "below", "alert": 10},
    )
    guard = Guard(traffic, rules, [FakeNotifier()])
    traffic.keep_usual("a" * 64, usual().as_json())
    traffic.add(texts(1, NOW - 600, positive=0.2), minutes=[MinuteCount(int(NOW // 60) - 1, "s", "failed", 20)])
    levels = {one.rule.name: one.standing.level for one in guard.look(NOW)}
    assert levels == {"unhappy": "alert", "drift": "warning", "errors": "alert", "volume": "ok"}
    assert {one.rule.name: one.standing.level for one in guard.look(NOW + 9000)}["volume"] == "alert"


def test_a_target_that_is_away_gets_everything_once_when_it_is_back_and_keeps_nobody_waiting(traffic: Traffic) -> None:
    """H14, in its small form."""
    away, here = FakeNotifier(is_away=True), FakeNotifier()
    guard = Guard(traffic, some_rules(notify=3), [away, FakeNotifier(), here])
    traffic.add(texts(1, NOW - 600, positive=0.05))
    for minute in range(10):
        (stands,) = guard.look(NOW + 60 * minute)
    assert len(stands.standing.outbox) == 1
    assert here.titles == ["alert: unhappy"]
    away.is_away = False
    Guard(traffic, some_rules(notify=3), [away, FakeNotifier(), here]).look(NOW + 660)  # after a restart, too
    guard.look(NOW + 720)
    assert away.titles == here.titles == ["alert: unhappy"]


def test_a_target_is_told_of_its_levels_alone(traffic: Traffic) -> None:
    alerts, warnings = FakeNotifier(), FakeNotifier()
    guard = Guard(traffic, some_rules(notify=2), [alerts, warnings])
    traffic.add(texts(1, NOW - 600, positive=0.05))
    guard.look(NOW)
    assert (alerts.titles, warnings.titles) == (["alert: unhappy"], [])


def test_two_that_look_at_the_same_time_tell_it_once(traffic: Traffic) -> None:
    one = FakeNotifier()
    traffic.add(texts(1, NOW - 600, positive=0.05))
    guards = [Guard(traffic, some_rules(), [one]) for _ in range(4)]
    threads = [threading.Thread(target=guard.look, args=(NOW,)) for guard in guards]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert one.titles == ["alert: unhappy"]


def test_a_muted_rule_is_silent_until_its_time(traffic: Traffic) -> None:
    one = FakeNotifier()
    guard = Guard(traffic, some_rules(), [one])
    traffic.add(texts(1, NOW - 600, positive=0.05))
    guard.mute("unhappy", NOW + 100)
    guard.look(NOW)
    assert one.titles == []
    guard.look(NOW + 120)
    assert one.titles == ["alert: unhappy"]
    with pytest.raises(InputError, match="there is no rule 'other'; there is unhappy"):
        guard.mute("other", NOW)


def test_a_test_reaches_every_target_and_changes_nothing(traffic: Traffic) -> None:
    one, away = FakeNotifier(), FakeNotifier(is_away=True)
    guard = Guard(traffic, some_rules(notify=2), [one, away])
    with pytest.raises(DeliveryError, match="nobody answers"):
        guard.try_out("unhappy", NOW)
    assert one.titles == ["test: unhappy"]
    assert traffic.alert("unhappy") == {}
