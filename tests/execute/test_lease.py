"""A lease lasts as long as its trial, and no longer than its worker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from darse.errors import StaleLeaseError, StoreError
from darse.execute.lease import LeaseKeeper
from darse.ranks.plan import RankPlan
from darse.store.open import open_store
from darse.store.protocol import Lease, StudyRecord
from darse.store.sql import SqlStore
from darse.store.trial import Outcome, TrialSpec

STUDY = "s"
SHORT_S = 0.3
DEADLINE_S = 60.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with open_store(tmp_path / "study.db") as opened:
        opened.register_study(StudyRecord(STUDY, "s", "c", {}, 0.0))
        opened.enqueue(STUDY, [TrialSpec(RankPlan((1,)), 0, 1e-3, 1)])
        yield opened


def claimed(store: SqlStore, worker: str = "us", lease_s: float = SHORT_S) -> Lease:
    lease = store.claim(STUDY, worker, now=time.time(), lease_s=lease_s)
    assert lease is not None
    return lease


def a_keeper(store: SqlStore, lease: Lease, *, lease_s: float = SHORT_S) -> LeaseKeeper:
    return LeaseKeeper(store, lease, lease_s=lease_s, clock=time.time)


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def keepers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("lease of")]


def test_a_lease_outlives_its_time_while_the_block_lasts_and_nobody_asks(store: SqlStore) -> None:
    lease = claimed(store)
    with a_keeper(store, lease):
        wait_until(lambda: store.leases(STUDY)[0].expires > lease.expires + 2 * SHORT_S)
    assert store.leases(STUDY)[0].token == lease.token, "nobody took it in between"


@pytest.mark.parametrize("error", [None, KeyError()], ids=["well", "badly"])
def test_nothing_is_renewed_once_the_block_is_left(store: SqlStore, error: Exception | None) -> None:
    lease = claimed(store)
    try:
        with a_keeper(store, lease):
            assert len(keepers()) == 1
            if error:
                raise error
    except KeyError:
        pass
    assert keepers() == []
    wait_until(lambda: store.claim(STUDY, "them", now=time.time(), lease_s=60.0) is not None)


def test_a_lease_that_is_not_due_is_left_alone(store: SqlStore) -> None:
    lease = claimed(store, lease_s=60.0)
    with a_keeper(store, lease, lease_s=60.0) as keeper:
        keeper.keep()
    assert store.leases(STUDY) == [lease]


def test_a_lease_that_was_lost_is_refused_at_the_next_check_and_when_the_outcome_is_stored(store: SqlStore) -> None:
    lease = claimed(store)
    store.release(lease)
    other = claimed(store, "them", 60.0)
    renewals: list[Lease] = []
    renew = store.renew

    def watched(lease: Lease, *, now: float, lease_s: float) -> Lease:
        renewals.append(lease)
        return renew(lease, now=now, lease_s=lease_s)

    store.renew = watched  # type: ignore[method-assign]  # to see the thread at work
    with a_keeper(store, lease) as keeper:
        wait_until(lambda: len(renewals) > 1)
        with pytest.raises(StaleLeaseError):
            keeper.keep()
    with pytest.raises(StaleLeaseError):
        store.finish(lease, Outcome(0.0, {}, ""), now=time.time())
    assert store.leases(STUDY) == [other]


def test_a_store_that_cannot_be_written_for_a_while_is_told_at_a_check_and_costs_no_lease(store: SqlStore) -> None:
    lease = claimed(store)
    refused: list[float] = []
    renew = store.renew

    def full(lease: Lease, *, now: float, lease_s: float) -> Lease:
        refused.append(now)
        raise StoreError("the disk is full")

    store.renew = full  # type: ignore[method-assign]  # a disk without room
    with a_keeper(store, lease) as keeper:
        wait_until(lambda: len(refused) > 2)
        with pytest.raises(StoreError, match="full"):
            keeper.keep()
        store.renew = renew  # type: ignore[method-assign]  # and with room again
        wait_until(lambda: store.leases(STUDY)[0].expires > lease.expires)
    assert store.finish(lease, Outcome(0.0, {}, ""), now=time.time()).id == lease.trial
