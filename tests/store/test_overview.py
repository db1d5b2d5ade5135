"""Looking at studies without reading all of them says what reading all of them says, and no damage hides the rest."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from darse.errors import StoreError
from darse.store.open import open_store, read_store
from darse.store.overview import SORTS, STATES
from darse.store.protocol import Event
from darse.store.sql import SqlStore
from tests.store.samples import OTHER_STUDY, STUDY, a_spec, an_outcome, claimed, fill

NOW = 5.0
"""While the last lease of `fill` runs."""


@pytest.fixture
def filled(address: str) -> Iterator[SqlStore]:
    with open_store(address) as store:
        fill(store)
        yield store


def test_heads_count_what_reading_counts(filled: SqlStore) -> None:
    filled.add_event(OTHER_STUDY, Event(9.0, "finished", {"verdict": "smaller"}))
    heads = filled.overview.heads(now=NOW)
    assert [head.record for head in heads] == filled.studies()
    assert heads[0].trials == {"finished": len(filled.trials(STUDY)), "failed": 1, "running": 1, "waiting": 1}
    assert [head.verdict for head in heads] == ["", "smaller"]
    assert filled.overview.heads(now=1e9)[0].trials["waiting"] == 2, "a lease that has run out runs no longer"


def test_progress_is_what_the_trials_say(filled: SqlStore) -> None:
    filled.add_event(STUDY, Event(4.0, "stage", {"stage": "coarse"}))
    filled.add_event(STUDY, Event(4.5, "limit", {"part": 'a "kind":"stage" in a text', "max_trials": 3}))
    progress, trials = filled.overview.progress(STUDY, now=NOW, events=2), filled.trials(STUDY)
    assert progress.best == min(trial.outcome.score for trial in trials)
    assert progress.seconds == pytest.approx(sum(trial.outcome.seconds for trial in trials))
    assert (progress.runs, progress.run_seconds) == (len(trials), progress.seconds)
    assert progress.stage == "coarse"
    assert [event.kind for event in progress.events] == ["limit", "stage"]
    assert filled.overview.progress(OTHER_STUDY, now=NOW).trials.keys() <= set(STATES)
    with pytest.raises(StoreError, match="no study nobody"):
        filled.overview.progress("nobody", now=NOW)


def test_pages_put_together_are_all_trials_in_the_order_asked(filled: SqlStore) -> None:
    found = [one for start in range(0, 15, 4) for one in filled.overview.page(STUDY, now=NOW, start=start, amount=4)[0]]
    assert [one.place for one in found] == list(range(12))
    finished = [one.row.as_trial() for one in found if one.row is not None and one.row.state == "finished"]
    assert finished == filled.trials(STUDY)
    assert filled.overview.page(STUDY, now=NOW, start=99)[1] == 12
    backwards = filled.overview.page(STUDY, now=NOW, is_descending=True)[0]
    assert [one.place for one in backwards] == list(range(11, -1, -1))


@pytest.mark.parametrize("sort", sorted(SORTS))
@pytest.mark.parametrize("is_descending", [False, True])
def test_the_database_sorts_as_python_does_and_puts_what_has_no_value_last(
    filled: SqlStore, sort: str, is_descending: bool
) -> None:
    found, _ = filled.overview.page(STUDY, sort=sort, is_descending=is_descending, now=NOW)
    values = []
    for one in found:
        assert one.row is not None
        spec, outcome = one.row.spec, one.row.outcome
        own = {"seed": spec.seed, "rate": spec.learning_rate, "epochs": spec.epochs}
        values.append(own.get(sort, None if outcome is None else getattr(outcome, sort, None)))
    known = [value for value in values if value is not None]
    assert known == sorted(known, reverse=is_descending)
    assert values[len(known) :] == [None] * (len(values) - len(known))


def test_states_are_told_apart_and_an_unknown_order_is_refused(filled: SqlStore) -> None:
    counts = {state: filled.overview.page(STUDY, state=state, now=NOW)[1] for state in STATES}
    assert counts == {"finished": 9, "failed": 1, "running": 1, "waiting": 1}
    with pytest.raises(StoreError, match="no order by 'plan; DROP TABLE dar'"):
        filled.overview.page(STUDY, sort="plan; DROP TABLE darse_trials", now=NOW)


def test_one_trial_is_found_in_its_study_alone(filled: SqlStore) -> None:
    (trial,) = filled.enqueue(STUDY, [a_spec(11)])
    listed = filled.overview.trial(STUDY, trial)
    assert listed is not None
    assert listed.row is not None
    assert (listed.place, listed.row.spec) == (11, a_spec(11))
    assert filled.overview.trial(OTHER_STUDY, trial) is None
    assert filled.overview.trial(STUDY, "'; --") is None


def test_the_mark_changes_with_everything_that_is_shown_and_with_nothing_else(filled: SqlStore) -> None:
    marks = [filled.overview.mark(STUDY), filled.overview.mark(STUDY)]
    assert marks[0] == marks[1]
    lease = claimed(filled, 10, now=100.0)
    changes = (
        lambda: filled.finish(lease, an_outcome(7), now=101.0),
        lambda: filled.put_finding(STUDY, "fine", {"rank": 7}),
        lambda: filled.add_event(STUDY, Event(3.0, "note", {})),
        lambda: filled.set_study_state(STUDY, "finished"),
    )
    marks = [filled.overview.mark(STUDY)]
    for change in changes:
        change()
        marks.append(filled.overview.mark(STUDY))
    assert len(set(marks)) == len(marks)


def test_when_trials_ended_is_known(filled: SqlStore) -> None:
    ended = filled.overview.ended(STUDY)
    assert {ended[trial.id] for trial in filled.trials(STUDY)} == {2.0}
    assert len(ended) == 10


def test_damage_is_named_and_hides_nothing_else(tmp_path: Path) -> None:
    with open_store(tmp_path / "store.db") as store:
        fill(store)
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection, connection:
        change = "UPDATE darse_studies SET body = replace(body, 'stopped', 'running') WHERE id = ?"
        connection.execute(change, [OTHER_STUDY])
        connection.execute(
            "UPDATE darse_trials SET body = replace(body, '0.1,', '0.2,') WHERE id IN "
            "(SELECT trial FROM darse_asks WHERE study = ? AND ordinal = 0)",
            [STUDY],
        )
    with read_store(tmp_path / "store.db") as store:
        heads = {head.id: head for head in store.overview.heads(now=NOW)}
        assert heads[STUDY].damage == ""
        assert heads[OTHER_STUDY].record is None
        assert "does not fit its digest" in heads[OTHER_STUDY].damage
        found, _ = store.overview.page(STUDY, now=NOW)
        assert [one.place for one in found if one.row is None] == [0]
        assert "does not fit its digest" in found[0].damage


def test_who_only_looks_changes_nothing_keeps_nobody_waiting_and_leaves_no_file_open(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with open_store(path) as writer:
        fill(writer)
        with read_store(path) as reader:
            lease = claimed(writer, 20, now=50.0)
            writer.finish(lease, an_outcome(20), now=51.0)
            assert reader.trials(STUDY) == writer.trials(STUDY)
            with pytest.raises(StoreError, match="read-only"):
                reader.add_event(STUDY, Event(1.0, "note", {}))
            writer.close()
            assert sorted(one.name for one in tmp_path.iterdir()) == ["store-artifacts", "store.db"]


def test_what_looking_leaves_beside_a_store_keeps_nobody_from_making_it_anew(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    open_store(path).close()
    with read_store(path) as reader:
        assert reader.studies() == []
    path.unlink()
    with open_store(path) as store:
        fill(store)
    with read_store(path) as reader, open_store(path) as store:
        assert reader.studies() == store.studies()


def test_a_store_of_an_older_release_is_not_upgraded_by_looking(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    open_store(path).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE darse_version SET version_num = '0001'")
    with pytest.raises(StoreError, match=r"has schema 0001, older than .*; `darse studies` upgrades it"):
        read_store(path)
