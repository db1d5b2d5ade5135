"""What every implementation of `Store` promises; `conftest.py` names the implementations."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from darse.errors import CorruptStoreError, StaleLeaseError, StoreError
from darse.store.protocol import Event, Store
from darse.store.trial import Failure, Trial

from .conftest import Reopen
from .samples import CONTEXT, OTHER_STUDY, STUDY, a_record, a_spec, an_outcome, claimed, contents, fill


def test_a_study_is_read_back_as_it_was_opened(store: Store) -> None:
    assert store.studies() == [a_record()]


def test_opening_a_study_again_keeps_its_first_record(store: Store) -> None:
    again = replace(a_record(), name="renamed", created=9999.0)

    assert store.register_study(again) == a_record()
    assert store.studies() == [a_record()]


def test_studies_come_oldest_first(store: Store) -> None:
    store.register_study(a_record(OTHER_STUDY, created=5.0))

    assert [record.id for record in store.studies()] == [OTHER_STUDY, STUDY]


def test_a_study_keeps_the_state_it_was_given(store: Store) -> None:
    store.set_study_state(STUDY, "finished")

    assert store.studies() == [replace(a_record(), state="finished")]


@pytest.mark.parametrize("state", ["", "paused", "running\0"])
def test_an_unknown_state_of_a_study_is_refused(store: Store, state: str) -> None:
    with pytest.raises(StoreError, match="use one of"):
        store.set_study_state(STUDY, state)


def test_an_unknown_study_is_named_in_the_error(store: Store) -> None:
    with pytest.raises(StoreError, match="no study unknown"):
        store.enqueue("unknown", [a_spec(1)])
    with pytest.raises(StoreError, match="no study unknown"):
        store.trials("unknown")
    with pytest.raises(StoreError, match="no study unknown"):
        store.claim("unknown", "worker", now=1.0, lease_s=1.0)


@pytest.mark.parametrize("study", ["", "a\0b", "\ud800", "x" * 200, "a\nb"])
def test_a_key_that_some_database_could_not_keep_is_refused_in_one_line(store: Store, study: str) -> None:
    with pytest.raises(StoreError, match="cannot name a study") as caught:
        store.register_study(a_record(study))
    assert "\n" not in str(caught.value)


def test_enqueue_names_trials_by_their_content(store: Store) -> None:
    specs = [a_spec(1), a_spec(2), a_spec(1)]

    assert store.enqueue(STUDY, specs) == tuple(spec.id(CONTEXT) for spec in specs)


def test_a_trial_asked_for_twice_is_queued_once(store: Store) -> None:
    store.enqueue(STUDY, [a_spec(1), a_spec(1)])
    store.enqueue(STUDY, [a_spec(1)])

    assert store.claim(STUDY, "first", now=1.0, lease_s=10.0) is not None
    assert store.claim(STUDY, "second", now=1.0, lease_s=10.0) is None


def test_trials_are_claimed_in_the_order_in_which_they_were_asked_for(store: Store) -> None:
    store.enqueue(STUDY, [a_spec(3), a_spec(1), a_spec(2)])
    leases = [store.claim(STUDY, "worker", now=1.0, lease_s=10.0) for _ in range(3)]

    assert [lease.spec for lease in leases if lease] == [a_spec(3), a_spec(1), a_spec(2)]


def test_a_named_trial_is_claimed_before_older_ones(store: Store) -> None:
    _, second = store.enqueue(STUDY, [a_spec(1), a_spec(2)])
    lease = store.claim(STUDY, "worker", now=1.0, lease_s=10.0, trial=second)

    assert lease is not None
    assert (lease.trial, lease.spec, lease.worker, lease.expires) == (second, a_spec(2), "worker", 11.0)


def test_a_trial_of_another_study_is_not_claimed(store: Store) -> None:
    store.register_study(a_record(OTHER_STUDY))
    (trial,) = store.enqueue(OTHER_STUDY, [a_spec(1)])

    assert store.claim(STUDY, "worker", now=1.0, lease_s=10.0) is None
    assert store.claim(STUDY, "worker", now=1.0, lease_s=10.0, trial=trial) is None


def test_a_finished_trial_is_read_back_to_the_bit(store: Store) -> None:
    lease = claimed(store, 1)
    trial = store.finish(lease, an_outcome(1), now=2.0)

    assert trial == Trial(lease.trial, a_spec(1), an_outcome(1))
    assert store.trials(STUDY) == [trial]


def test_finished_trials_come_in_the_order_in_which_the_study_asked(store: Store) -> None:
    store.enqueue(STUDY, [a_spec(number) for number in range(5)])
    for number in (3, 0, 4):
        store.finish(claimed(store, number), an_outcome(number), now=2.0)

    assert [trial.spec for trial in store.trials(STUDY)] == [a_spec(0), a_spec(3), a_spec(4)]


def test_a_trial_finished_in_one_study_is_finished_in_another_of_the_same_context(store: Store) -> None:
    trial = store.finish(claimed(store, 1), an_outcome(1), now=2.0)
    store.register_study(a_record(OTHER_STUDY))
    store.enqueue(OTHER_STUDY, [a_spec(0), a_spec(1)])

    assert store.trials(OTHER_STUDY) == [trial]
    assert store.claim(OTHER_STUDY, "worker", now=3.0, lease_s=1.0, trial=trial.id) is None


def test_a_trial_of_another_context_is_another_trial(store: Store) -> None:
    store.finish(claimed(store, 1), an_outcome(1), now=2.0)
    store.register_study(a_record(OTHER_STUDY, context="other data"))
    store.enqueue(OTHER_STUDY, [a_spec(1)])

    assert store.trials(OTHER_STUDY) == []
    assert store.claim(OTHER_STUDY, "worker", now=3.0, lease_s=1.0) is not None


def test_two_studies_that_wait_for_one_trial_share_one_lease(store: Store) -> None:
    store.register_study(a_record(OTHER_STUDY))
    lease = claimed(store, 1)
    store.enqueue(OTHER_STUDY, [a_spec(1)])

    assert store.claim(OTHER_STUDY, "other", now=2.0, lease_s=1.0) is None
    trial = store.finish(lease, an_outcome(1), now=3.0)
    assert store.trials(OTHER_STUDY) == store.trials(STUDY) == [trial]


def test_a_lease_that_has_run_out_can_be_taken_and_outbids_the_old_one(store: Store) -> None:
    first = claimed(store, 1, now=1.0)
    assert store.claim(STUDY, "second", now=10.9, lease_s=5.0) is None
    second = store.claim(STUDY, "second", now=11.0, lease_s=5.0)

    assert second is not None
    assert second.token > first.token


def test_a_stale_worker_changes_nothing(store: Store) -> None:
    stale = claimed(store, 1, now=1.0)
    fresh = store.claim(STUDY, "second", now=11.0, lease_s=10.0)
    assert fresh is not None

    with pytest.raises(StaleLeaseError, match="claim another trial"):
        store.finish(stale, an_outcome(1), now=12.0)
    with pytest.raises(StaleLeaseError):
        store.fail(stale, "late", now=12.0)
    with pytest.raises(StaleLeaseError):
        store.renew(stale, now=12.0, lease_s=100.0)
    store.release(stale)
    assert store.trials(STUDY) == []
    assert store.failures(STUDY) == []
    assert store.finish(fresh, an_outcome(2), now=13.0).outcome == an_outcome(2)


def test_a_renewed_lease_is_not_taken_before_its_new_end(store: Store) -> None:
    lease = store.renew(claimed(store, 1, now=1.0), now=5.0, lease_s=60.0)

    assert lease.expires == 65.0
    assert store.claim(STUDY, "second", now=64.0, lease_s=1.0) is None
    assert store.finish(lease, an_outcome(1), now=64.5).outcome == an_outcome(1)


def test_a_lease_that_ran_out_but_was_not_taken_can_still_finish(store: Store) -> None:
    lease = claimed(store, 1, now=1.0)

    assert store.finish(lease, an_outcome(1), now=500.0).outcome == an_outcome(1)


def test_a_finished_trial_never_becomes_unfinished(store: Store) -> None:
    lease = claimed(store, 1)
    trial = store.finish(lease, an_outcome(1), now=2.0)

    for action in (
        lambda: store.finish(lease, an_outcome(2), now=3.0),
        lambda: store.fail(lease, "no", now=3.0),
        lambda: store.renew(lease, now=3.0, lease_s=1.0),
    ):
        with pytest.raises(StaleLeaseError):
            action()
    store.release(lease)
    store.enqueue(STUDY, [a_spec(1)])
    assert store.claim(STUDY, "second", now=1e9, lease_s=1.0) is None
    assert store.trials(STUDY) == [trial]


def test_the_leases_of_a_study_are_those_that_somebody_holds(store: Store) -> None:
    store.enqueue(STUDY, [a_spec(number) for number in range(5)])
    held, finished, failed, released = (claimed(store, number, worker=f"worker {number}") for number in range(4))
    store.finish(finished, an_outcome(1), now=2.0)
    store.fail(failed, "reason", now=2.0)
    store.release(released)

    assert store.leases(STUDY) == [held]
    assert store.failed_ids(STUDY) == {failed.trial}


def test_a_failed_trial_is_kept_and_not_tried_again(store: Store) -> None:
    store.fail(claimed(store, 1), "the loss became infinite", now=2.0, seconds=0.1 + 0.2)
    store.enqueue(STUDY, [a_spec(1)])

    assert store.failures(STUDY) == [Failure(a_spec(1), "the loss became infinite", 0.1 + 0.2)]
    assert store.failed_ids(STUDY) == {a_spec(1).id(CONTEXT)}
    assert store.trials(STUDY) == []
    assert store.claim(STUDY, "second", now=1e9, lease_s=1.0) is None


def test_a_study_knows_when_its_last_trial_ended_well_or_not(store: Store) -> None:
    assert store.last_end(STUDY) is None
    first, second = claimed(store, 1), claimed(store, 2)
    store.finish(first, an_outcome(), now=5.0)
    assert store.last_end(STUDY) == 5.0
    store.fail(second, "it broke", now=9.0)
    assert store.last_end(STUDY) == 9.0


def test_a_released_trial_waits_again_at_once_and_its_lease_is_void(store: Store) -> None:
    lease = claimed(store, 1, now=1.0)
    store.release(lease)
    store.release(lease)

    with pytest.raises(StaleLeaseError):
        store.finish(lease, an_outcome(1), now=1.0)
    assert store.claim(STUDY, "second", now=1.0, lease_s=1.0) is not None


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_refused_and_the_lease_stays(store: Store, number: float) -> None:
    lease = claimed(store, 1)

    with pytest.raises(StoreError, match="cannot be stored as JSON"):
        store.finish(lease, replace(an_outcome(1), score=number), now=2.0)
    with pytest.raises(StoreError, match="cannot be stored as JSON"):
        store.put_finding(STUDY, "coarse", {"deep": [{"number": number}]})
    with pytest.raises(StoreError, match="makes no sense"):
        store.claim(STUDY, "worker", now=number, lease_s=1.0)
    assert store.finish(lease, an_outcome(1), now=2.0).outcome == an_outcome(1)


@pytest.mark.parametrize("text", ["", "a\0b", "\ud800", "line\nline", "'; DROP TABLE darse_trials; --", "𝕏" * 1000])
def test_any_text_is_kept_as_it_is(store: Store, text: str) -> None:
    store.add_event(STUDY, Event(1.0, text, {"text": text}))
    store.put_finding(STUDY, "note", {text: text})
    store.fail(claimed(store, 1), text, now=1.0)
    store.register_study(replace(a_record(OTHER_STUDY, created=2000.0), name=text))

    assert store.events(STUDY) == [Event(1.0, text, {"text": text})]
    assert store.findings(STUDY) == {"note": {text: text}}
    assert store.failures(STUDY) == [Failure(a_spec(1), text)]
    assert store.studies()[1].name == text


def test_a_later_finding_of_a_stage_replaces_the_earlier(store: Store) -> None:
    store.put_finding(STUDY, "coarse", {"low": 1})
    store.put_finding(STUDY, "fine", {"rank": 0.1 + 0.2})
    store.put_finding(STUDY, "coarse", {"low": 2})

    assert store.findings(STUDY) == {"coarse": {"low": 2}, "fine": {"rank": 0.1 + 0.2}}


def test_events_come_in_the_order_in_which_they_were_added(store: Store) -> None:
    events = [Event(float(10 - number), f"kind {number}", {"number": number}) for number in range(10)]
    for event in events:
        store.add_event(STUDY, event)

    assert store.events(STUDY) == events


def test_an_artifact_is_kept_once_and_named_by_its_content(store: Store) -> None:
    assert store.put_artifact(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert store.put_artifact(b"weights") == store.put_artifact(b"weights")
    assert store.artifact(store.put_artifact(b"weights")) == b"weights"


def test_a_missing_artifact_is_an_error(store: Store) -> None:
    with pytest.raises(CorruptStoreError, match="is missing"):
        store.artifact("0" * 64)


@pytest.mark.parametrize("digest", ["", "..", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n", "/etc/passwd"])
def test_what_is_not_a_digest_names_no_artifact(store: Store, digest: str) -> None:
    with pytest.raises(StoreError, match="does not name an artifact"):
        store.artifact(digest)


def test_another_process_sees_everything_at_once(store: Store, reopen: Reopen) -> None:
    fill(store)

    assert contents(reopen()) == contents(store)


def test_a_token_grows_across_processes(store: Store, reopen: Reopen) -> None:
    first = claimed(store, 1, now=1.0)
    second = reopen().claim(STUDY, "other", now=50.0, lease_s=1.0)

    assert second is not None
    assert second.token == first.token + 1
    with pytest.raises(StaleLeaseError):
        store.finish(first, an_outcome(1), now=51.0)


def test_many_trials_are_asked_for_in_one_go(store: Store) -> None:
    specs = [a_spec(number % 40, seed=number // 40) for number in range(1200)]
    ids = store.enqueue(STUDY, specs)

    assert len(set(ids)) == 1200
    assert store.enqueue(STUDY, specs) == ids


def test_no_trials_are_no_change(store: Store) -> None:
    assert store.enqueue(STUDY, []) == ()
    assert store.claim(STUDY, "worker", now=1.0, lease_s=1.0) is None
