"""Rules over studies: each of the five alerts is told once, and recovery too, by the same code as those of a server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from darse.cli.main import run
from darse.errors import AdapterError, SettingsError
from darse.monitor.guard import Guard
from darse.monitor.rules import Rules, read_rules
from darse.ranks.plan import RankPlan
from darse.search.controls import SHUFFLED
from darse.search.kept_result import put_result
from darse.search.result import Result
from darse.store.journal import Journal
from darse.store.open import open_store
from darse.store.protocol import Event, StudyRecord
from darse.store.sql import SqlStore
from darse.store.trial import Outcome, TrialSpec
from tests.monitor.test_guard import FakeNotifier
from tests.report.samples import a_result

NOW = 1_795_470_331.0
STUDY = "2af634d179fddc96"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """A search under way with a limit of four runs, of which none is made."""
    with open_store(tmp_path / "study.db") as opened:
        opened.register_study(StudyRecord(STUDY, "reviews", "c" * 64, {"evaluator": "darse"}, NOW))
        opened.add_event(STUDY, Event(NOW, "opened", {"worker": "w", "max_trials": 4, "max_minutes": None}))
        yield opened


def a_guard(store: SqlStore, told: FakeNotifier, **rule: object) -> Guard:
    rules = Rules.model_validate({"rules": [{"name": "watched", **rule}], "notify": [{"env": "A"}]})
    return Guard(store.traffic, rules, [told], store)


def looked(guard: Guard, *moments: float) -> None:
    for moment in moments:
        guard.look(moment)


def a_run(store: SqlStore, seed: int, *, now: float) -> None:
    spec = TrialSpec(RankPlan((2, 2)), seed, 1e-3, 2)
    store.enqueue(STUDY, [spec])
    lease = store.claim(STUDY, "w", now=now, lease_s=60)
    assert lease is not None
    store.finish(lease, Outcome(0.5, {}, store.put_artifact(b"x"), seconds=30), now=now)


def with_shuffled(result: Result, low: float, high: float) -> Result:
    controls = tuple(
        replace(one, low=low, high=high) if one.name == SHUFFLED else one for one in result.verdict.controls
    )
    return replace(result, verdict=replace(result.verdict, controls=controls))


def test_a_search_that_stands_still_is_told_once_and_so_is_its_going_on(store: SqlStore) -> None:
    told = FakeNotifier()
    guard = a_guard(store, told, metric="search.minutes_since_trial", alert=30)
    looked(guard, NOW + 60, NOW + 1860, NOW + 1920, NOW + 3600)
    assert told.titles == ["alert: watched"]
    assert "search.minutes_since_trial is 31 (the study begun last; alert at or above 30)" in told.told[0][1]
    a_run(store, 0, now=NOW + 3700)
    looked(guard, NOW + 3720)
    assert told.titles == ["alert: watched", "recovered: watched"]


def test_a_limit_that_is_nearly_spent_is_told_once(store: SqlStore) -> None:
    told = FakeNotifier()
    guard = a_guard(store, told, metric="search.budget_spent", warning=0.7, alert=1.0)
    for seed in range(4):
        looked(guard, NOW + seed, NOW + seed + 0.5)
        a_run(store, seed, now=NOW + seed)
    looked(guard, NOW + 10, NOW + 20)
    assert told.titles == ["warning: watched", "alert: watched"]


def test_an_effect_below_the_noise_is_told_once(store: SqlStore) -> None:
    told = FakeNotifier()
    guard = a_guard(store, told, metric="search.effect_over_noise", direction="below", warning=1e6)
    looked(guard, NOW)  # there is no result yet: no data
    assert told.titles == []
    put_result(store, a_result())
    looked(guard, NOW + 1, NOW + 2)
    assert told.titles == ["warning: watched"]


def test_a_tie_with_the_shuffled_control_is_told_once_and_recovers(store: SqlStore) -> None:
    told = FakeNotifier()
    guard = a_guard(store, told, metric="search.shuffled_tie", alert=1)
    put_result(store, with_shuffled(a_result(), -0.1, 0.1))
    looked(guard, NOW + 1, NOW + 2)
    put_result(store, with_shuffled(a_result(), 0.05, 0.1))
    looked(guard, NOW + 3, NOW + 4)
    assert told.titles == ["alert: watched", "recovered: watched"]


def test_an_adapter_that_fails_its_reload_is_told_once_and_recovers(store: SqlStore) -> None:
    told, journal = FakeNotifier(), Journal(store, STUDY)
    guard = a_guard(store, told, metric="search.reload_failed", alert=1)
    looked(guard, NOW)
    with pytest.raises(AdapterError), journal.noting_reload():
        raise AdapterError("its outputs differ by 0.3")
    looked(guard, NOW + 1, NOW + 2)
    for _ in range(2):
        with journal.noting_reload():
            pass
    looked(guard, NOW + 3, NOW + 4)
    assert told.titles == ["alert: watched", "recovered: watched"]
    reloads = [event.detail for event in store.events(STUDY) if event.kind == "reload"]
    assert reloads == [{"is_good": False, "reason": "its outputs differ by 0.3"}, {"is_good": True}]


def test_a_rule_can_name_its_study_and_one_that_is_not_there_has_no_data(store: SqlStore) -> None:
    store.register_study(StudyRecord("f" * 16, "newer", "d" * 64, {"evaluator": "darse"}, NOW + 1, "finished"))
    store.register_study(StudyRecord("e" * 16, "mine", "e" * 64, {"evaluator": "trainer"}, NOW + 2))
    values = {}
    for study in (None, "reviews", STUDY[:6], "newer", "mine", "nobody"):
        guard = a_guard(store, FakeNotifier(), metric="search.minutes_since_trial", alert=1000, study=study)
        values[study] = guard.look(NOW + 600)[0].standing.value
    assert values == {None: 0.0, "reviews": 10.0, STUDY[:6]: 10.0, "newer": 0.0, "mine": None, "nobody": None}


def test_one_file_watches_a_store_from_the_command_line(
    store: SqlStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = tmp_path / "search.yaml"
    rules.write_text("rules:\n  - {name: stalled, metric: search.minutes_since_trial, alert: 0.01}\n")
    put_result(store, a_result())
    assert run(["watch", str(tmp_path / "study.db"), "--rules", str(rules)]) == 1
    assert "alert   stalled" in capsys.readouterr().out


def test_a_study_is_for_the_rules_of_studies_alone(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("rules: [{name: a, metric: texts, alert: 1, study: reviews}]")
    with pytest.raises(SettingsError, match=r"study is for the metrics that begin with search\."):
        read_rules(tmp_path / "rules.yaml")
