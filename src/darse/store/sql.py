"""The store on a SQL database, with the place of its artifacts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from darse.errors import StaleLeaseError, StoreError
from darse.store import queue, studies
from darse.store.artifacts import Artifacts
from darse.store.connect import Database
from darse.store.evaluations import Evaluations
from darse.store.overview import Overview
from darse.store.protocol import Event, Lease, StudyRecord
from darse.store.seal import checked_key
from darse.store.traffic import Traffic
from darse.store.traffic_overview import TrafficOverview
from darse.store.trial import Failure, Outcome, Trial, TrialSpec


class SqlStore:
    """A `Store` on any SQL database, for several threads, processes and machines; made by `open_store`.

    Args:
        database: Where the rows are.
        artifacts: Where the bytes are.
    """

    def __init__(self, database: Database, artifacts: Artifacts) -> None:
        self._database = database
        self._artifacts = artifacts

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def register_study(self, record: StudyRecord) -> StudyRecord:
        """Register a study or return the one already there under the same id (its `created` kept)."""
        with self._database.write() as connection:
            return studies.register_study(connection, record)

    def studies(self) -> Sequence[StudyRecord]:
        """All studies, oldest first."""
        with self._database.read() as connection:
            return studies.all_studies(connection)

    def set_study_state(self, study: str, state: str) -> None:
        """Mark a study as running, finished or stopped."""
        with self._database.write() as connection:
            studies.set_study_state(connection, study, state)

    def enqueue(self, study: str, specs: Sequence[TrialSpec]) -> tuple[str, ...]:
        """Add trials to a study, once each, and return their ids in the order of the specs."""
        with self._database.write() as connection:
            return queue.enqueue(connection, study, specs)

    def claim(self, study: str, worker: str, *, now: float, lease_s: float, trial: str | None = None) -> Lease | None:
        """Take the oldest queued trial (or the named one) that is not leased now; None if there is none.

        Before None is believed every row of the study is verified: a damaged queue must not look empty.
        """
        _check_lease(worker, now, lease_s)
        named = None if trial is None else checked_key(trial, "trial")
        with self._database.write() as connection:
            lease = queue.claim(connection, study, worker, now=now, lease_s=lease_s, trial=named)
        if lease is None:
            with self._database.read() as connection:
                queue.read_trials(connection, study)
        return lease

    def renew(self, lease: Lease, *, now: float, lease_s: float) -> Lease:
        """Prolong a lease.

        Raises:
            StaleLeaseError: Another worker has taken the trial by now, or it has ended.
        """
        _check_lease(lease.worker, now, lease_s)
        with self._database.write() as connection:
            return queue.renew(connection, lease, now=now, lease_s=lease_s)

    def finish(self, lease: Lease, outcome: Outcome, *, now: float) -> Trial:
        """Store an outcome and end the lease.

        Raises:
            StaleLeaseError: Another worker has taken the trial by now; nothing is written.
            StoreError: The outcome holds NaN or an infinity; fail the trial instead.
        """
        with self._database.write() as connection:
            return queue.finish(connection, lease, outcome, now=now)

    def fail(self, lease: Lease, reason: str, *, now: float, seconds: float = 0.0) -> None:
        """Mark a trial as failed for good after some seconds of work; it is kept and shown, and not tried again.

        Raises:
            StaleLeaseError: Another worker has taken the trial by now; nothing is written.
        """
        with self._database.write() as connection:
            queue.fail(connection, lease, reason, now=now, seconds=seconds)

    def release(self, lease: Lease) -> None:
        """Give a trial back to the queue at once; a stale lease is no error here."""
        try:
            with self._database.write() as connection:
                queue.release(connection, lease)
        except StaleLeaseError:
            return

    def trials(self, study: str) -> Sequence[Trial]:
        """The finished trials of a study in the order in which the study asked for them."""
        with self._database.read() as connection:
            return [row.as_trial() for row in queue.read_trials(connection, study) if row.state == "finished"]

    def failures(self, study: str) -> Sequence[Failure]:
        """The failed trials of a study, in the order in which the study asked for them."""
        with self._database.read() as connection:
            rows = queue.read_trials(connection, study)
        return [row.as_failure() for row in rows if row.state == "failed"]

    def leases(self, study: str) -> Sequence[Lease]:
        """The leases that are held on a study's trials, run out or not."""
        with self._database.read() as connection:
            rows = queue.read_trials(connection, study)
        return [
            Lease(row.id, row.spec, row.worker, row.token, row.expires)
            for row in rows
            if row.state == "queued" and row.expires is not None
        ]

    def failed_ids(self, study: str) -> frozenset[str]:
        """Ids of the failed trials of a study."""
        with self._database.read() as connection:
            return frozenset(row.id for row in queue.read_trials(connection, study) if row.state == "failed")

    def last_end(self, study: str) -> float | None:
        """When the trial of a study that ended last did, well or not; None while none has."""
        with self._database.read() as connection:
            rows = queue.read_trials(connection, study)
        return max((row.ended for row in rows if row.ended is not None), default=None)

    def put_finding(self, study: str, stage: str, finding: Mapping[str, object]) -> None:
        """Keep a stage's finding (or any other named JSON result); a later one replaces it."""
        with self._database.write() as connection:
            studies.put_finding(connection, study, stage, finding)

    def findings(self, study: str) -> Mapping[str, Mapping[str, object]]:
        """The findings of a study by stage."""
        with self._database.read() as connection:
            return studies.read_findings(connection, study)

    def add_event(self, study: str, event: Event) -> None:
        """Append an event."""
        with self._database.write() as connection:
            studies.add_event(connection, study, event)

    def events(self, study: str) -> Sequence[Event]:
        """The events of a study, oldest first."""
        with self._database.read() as connection:
            return studies.read_events(connection, study)

    def put_artifact(self, content: bytes) -> str:
        """Keep bytes and return their SHA-256; the same bytes are kept once."""
        return self._artifacts.put(content)

    def artifact(self, digest: str) -> bytes:
        """The bytes of a digest.

        Raises:
            CorruptStoreError: They are missing or changed.
        """
        return self._artifacts.get(digest)

    @property
    def traffic(self) -> Traffic:
        """What servers have answered."""
        return Traffic(self._database)

    @property
    def traffic_overview(self) -> TrafficOverview:
        """The same, summed by the database."""
        return TrafficOverview(self._database)

    @property
    def overview(self) -> Overview:
        """Its studies and trials, counted and a page at a time."""
        return Overview(self._database)

    @property
    def evaluations(self) -> Evaluations:
        """What was evaluated, which results have a name, and how gates ended."""
        return Evaluations(self._database)

    def close(self) -> None:
        """Let go of files and connections."""
        self._database.close()


def _check_lease(worker: str, now: float, lease_s: float) -> None:
    if not worker:
        raise StoreError("a lease needs the name of a worker, not an empty one")
    if not math.isfinite(now) or not math.isfinite(lease_s) or lease_s <= 0:
        raise StoreError(f"a lease of {lease_s} s from {now} makes no sense; give finite seconds above 0")
