"""A study is found again by what determines it, and says what has changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from darse.ranks.plan import RankPlan
from darse.search.identity import Identity, Opened, begin_or_continue
from darse.settings import settings_from_options
from darse.store.open import open_store
from darse.store.protocol import Store, StudyRecord
from darse.store.trial import Outcome, TrialSpec

SAME = Identity("d" * 64, "b" * 64, "darse", "2.13.0", settings_from_options({}))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "study.db") as opened:
        yield opened


def opened(
    store: Store, identity: Identity = SAME, *, name: str = "reviews", fresh: bool = False, now: float = 1.0
) -> Opened:
    return begin_or_continue(store, identity, name=name, fresh=fresh, now=now)


def with_options(**options: object) -> Identity:
    return replace(SAME, settings=settings_from_options(options))


def test_the_same_request_continues_its_study(store: Store) -> None:
    first, second = opened(store), opened(store, now=2.0)
    assert (first.is_continued, second.is_continued) == (False, True)
    assert second.record == first.record
    assert second.changes == ()


def test_a_study_that_is_continued_comes_with_its_finished_trials(store: Store) -> None:
    key = opened(store).record.id
    specs = [TrialSpec(RankPlan((rank,)), 0, 1e-3, 6) for rank in (4, 2)]
    names = store.enqueue(key, specs)
    lease = store.claim(key, "worker", now=1.0, lease_s=60.0, trial=names[0])
    assert lease is not None
    store.finish(lease, Outcome(score=0.5, metrics={}, losses="0" * 64), now=2.0)
    assert [trial.spec for trial in opened(store).trials] == specs[:1]
    assert opened(store, fresh=True).trials == ()


def test_a_file_that_is_read_otherwise_is_named_among_the_changes(store: Store) -> None:
    opened(store)
    other = replace(with_options(separator=";", encoding="cp1252"), data_digest="e" * 64)
    changes = opened(store, other).changes
    assert "data.encoding: None -> cp1252" in changes
    assert "data.separator: None -> ;" in changes


@pytest.mark.parametrize("options", [{"max_trials": 5}, {"max_minutes": 3.0}])
def test_other_limits_continue_the_same_study(store: Store, options: dict[str, object]) -> None:
    first = opened(store)
    assert opened(store, with_options(**options)).record.id == first.record.id


@pytest.mark.parametrize(
    "other",
    [
        replace(SAME, data_digest="e" * 64),
        replace(SAME, base_digest="e" * 64),
        replace(SAME, evaluator="my.function"),
        replace(SAME, versions="2.14.0"),
        with_options(seeds=5),
        with_options(epochs=3),
        with_options(batch_size=8),
        with_options(granularity="module"),
    ],
)
def test_anything_that_determines_the_result_makes_another_study(store: Store, other: Identity) -> None:
    first, second = opened(store), opened(store, other)
    assert not second.is_continued
    assert second.record.id != first.record.id
    assert len(second.changes) == 1


def test_changes_are_named_with_both_values(store: Store) -> None:
    opened(store)
    assert opened(store, with_options(seeds=5, epochs=3, max_trials=9)).changes == (
        "search.seeds: 3 -> 5",
        f"train.epochs: {SAME.settings.train.epochs} -> 3",
    )


def test_a_study_of_an_earlier_version_differs_by_what_has_changed_and_not_by_names(store: Store) -> None:
    settings = SAME.described()
    settings["base_sha256"] = settings.pop("base_files_sha256")
    store.register_study(StudyRecord("earlier", "reviews", "context", settings, 0.5))
    assert opened(store, with_options(seeds=5)).changes == ("search.seeds: 3 -> 5",)
    other = replace(SAME, base_digest="e" * 64)
    store.register_study(StudyRecord("later", "reviews", "context", settings, 2.0))
    assert opened(store, other, now=3.0).changes == (f"base_files_sha256: {'b' * 64} -> {'e' * 64}",)


def test_a_study_is_compared_with_the_last_of_its_own_name_in_a_store_of_several(store: Store) -> None:
    opened(store)
    assert opened(store, replace(SAME, data_digest="e" * 64), name="headlines", now=2.0).changes == ()
    assert opened(store, with_options(seeds=5), now=3.0).changes == ("search.seeds: 3 -> 5",)


@pytest.mark.parametrize("options", [{"seeds": 5}, {"strategy": "window"}, {"checkpoint_seconds": 1.0}, {"epochs": 3}])
def test_trials_are_shared_where_only_the_search_differs(options: dict[str, object]) -> None:
    assert with_options(**options).context(0) == SAME.context(0)


@pytest.mark.parametrize("options", [{"seed": 1}, {"alpha": 8.0}, {"granularity": "module"}, {"max_length": 64}])
def test_trials_are_not_shared_where_training_differs(options: dict[str, object]) -> None:
    assert with_options(**options).context(0) != SAME.context(0)


def test_a_fresh_start_shares_nothing_and_is_the_one_continued_afterwards(store: Store) -> None:
    first, second, third = opened(store), opened(store, fresh=True), opened(store)
    assert not second.is_continued
    assert second.record.context != first.record.context
    assert third.record == second.record
    assert len(store.studies()) == 2
