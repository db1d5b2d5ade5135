"""A journal says in order what happened, and whether somebody works on the study."""

from __future__ import annotations

import pytest

from darse.errors import Interrupted, StoreError
from darse.store.journal import Journal
from darse.store.protocol import Event, Store

from .samples import STUDY


def state(store: Store) -> str:
    return store.studies()[0].state


def kinds(store: Store) -> list[str]:
    return [event.kind for event in store.events(STUDY)]


def a_journal(store: Store) -> Journal:
    return Journal(store, STUDY, clock=lambda: 12.5)


def test_a_note_is_an_event_with_its_time(store: Store) -> None:
    a_journal(store).note("failed", trial="t", seed=1)

    assert store.events(STUDY) == [Event(12.5, "failed", {"trial": "t", "seed": 1})]


def test_what_a_replay_tells_again_is_noted_once(store: Store) -> None:
    for _ in range(2):
        a_journal(store).note_once("limit", part="search", max_trials=8, max_minutes=None)
    a_journal(store).note_once("limit", part="search", max_trials=9, max_minutes=0.1)

    assert [event.detail["max_trials"] for event in store.events(STUDY)] == [8, 9]


def test_a_study_runs_inside_the_block_and_is_finished_by_its_verdict(store: Store) -> None:
    store.set_study_state(STUDY, "stopped")
    with a_journal(store) as journal:
        assert state(store) == "running"
        journal.finish(verdict="better")

    assert state(store) == "finished"
    assert store.events(STUDY) == [Event(12.5, "finished", {"verdict": "better"})]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Interrupted(15), "Interrupted: stopped by signal 15"),
        (KeyboardInterrupt(), "KeyboardInterrupt: "),
        (ValueError("line one\nline two"), "ValueError: line one\ufffdline two"),
    ],
    ids=["SIGTERM", "Ctrl-C", "bug"],
)
def test_whatever_ends_the_block_leaves_the_study_stopped_with_the_reason(
    store: Store, error: BaseException, reason: str
) -> None:
    with pytest.raises(type(error)), a_journal(store):
        raise error

    assert state(store) == "stopped"
    assert store.events(STUDY) == [Event(12.5, "stopped", {"reason": reason})]


def test_a_store_that_cannot_be_written_does_not_hide_what_stopped_the_study(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(study: str, new: str) -> None:
        if new == "stopped":
            raise StoreError("the disk is full")

    monkeypatch.setattr(store, "set_study_state", refuse)
    with pytest.raises(Interrupted), a_journal(store):
        raise Interrupted(2)
    assert kinds(store) == []
