"""The seam between a search and its memory: what every store can do, and the values it hands out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from darse.store.trial import Failure, Outcome, Trial, TrialSpec


@dataclass(frozen=True, slots=True)
class StudyRecord:
    """A study as the store knows it.

    Attributes:
        id: Hash of all that determines the study: context and search settings.
        name: What people call it.
        context: Digest of what determines its trials: data, base model, task, training settings.
        settings: Every setting as JSON, shown and compared when something changed.
        created: When it was first opened, seconds since 1970 (UTC).
        state: "running", "finished" or "stopped".
    """

    id: str
    name: str
    context: str
    settings: Mapping[str, object]
    created: float
    state: str = "running"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to run one trial until a moment, with a fencing token that a later lease outbids.

    Attributes:
        trial: Id of the trial.
        spec: What to run.
        worker: Who runs it.
        token: Grows with every lease of the trial; a write with an older token is refused.
        expires: Seconds since 1970 (UTC).
    """

    trial: str
    spec: TrialSpec
    worker: str
    token: int
    expires: float


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a study, for people to read later (`darse.store.journal`).

    Attributes:
        time: Seconds since 1970 (UTC).
        kind: What happened.
        detail: The rest, as JSON.
    """

    time: float
    kind: str
    detail: Mapping[str, object]


class Store(Protocol):
    """Keeps studies, trials, findings and events; nothing finished is ever lost or done twice.

    Every method is one transaction. Every method raises `StoreError` when the database cannot be used and
    `CorruptStoreError` when a row fails its digest. Times are passed in, so that tests need no clock.
    """

    def register_study(self, record: StudyRecord) -> StudyRecord:
        """Register a study or return the one already there under the same id (its `created` kept)."""

    def studies(self) -> Sequence[StudyRecord]:
        """All studies, oldest first."""

    def set_study_state(self, study: str, state: str) -> None:
        """Mark a study as running, finished or stopped."""

    def enqueue(self, study: str, specs: Sequence[TrialSpec]) -> tuple[str, ...]:
        """Add trials to a study and return their ids in the order of the specs.

        Idempotent. A trial that any study of the store has already finished in the same context counts as
        finished here at once; one already queued stays queued once.
        """

    def claim(self, study: str, worker: str, *, now: float, lease_s: float, trial: str | None = None) -> Lease | None:
        """Take the oldest queued trial (or the named one) that is not leased now; None if there is none."""

    def renew(self, lease: Lease, *, now: float, lease_s: float) -> Lease:
        """Prolong a lease.

        Raises:
            StaleLeaseError: Another worker has taken the trial by now.
        """

    def finish(self, lease: Lease, outcome: Outcome, *, now: float) -> Trial:
        """Store an outcome and end the lease.

        Raises:
            StaleLeaseError: Another worker has taken the trial by now; nothing is written.
        """

    def fail(self, lease: Lease, reason: str, *, now: float, seconds: float = 0.0) -> None:
        """Mark a trial as failed for good after some seconds of work; it is kept and shown, and not tried again.

        Raises:
            StaleLeaseError: Another worker has taken the trial by now; nothing is written.
        """

    def release(self, lease: Lease) -> None:
        """Give a trial back to the queue at once (Ctrl-C); a stale lease is no error here."""

    def leases(self, study: str) -> Sequence[Lease]:
        """The leases that are held on a study's trials, run out or not."""

    def failed_ids(self, study: str) -> frozenset[str]:
        """Ids of the failed trials of a study."""

    def trials(self, study: str) -> Sequence[Trial]:
        """The finished trials of a study in the order in which the study asked for them."""

    def failures(self, study: str) -> Sequence[Failure]:
        """The failed trials of a study, in the order in which the study asked for them."""

    def last_end(self, study: str) -> float | None:
        """When the trial of a study that ended last did, well or not; None while none has.

        Seconds since 1970 (UTC).
        """

    def put_finding(self, study: str, stage: str, finding: Mapping[str, object]) -> None:
        """Keep a stage's finding (or any other named JSON result); a later one replaces it."""

    def findings(self, study: str) -> Mapping[str, Mapping[str, object]]:
        """The findings of a study by stage."""

    def add_event(self, study: str, event: Event) -> None:
        """Append an event."""

    def events(self, study: str) -> Sequence[Event]:
        """The events of a study, oldest first."""

    def put_artifact(self, content: bytes) -> str:
        """Keep bytes and return their SHA-256; the same bytes are kept once."""

    def artifact(self, digest: str) -> bytes:
        """The bytes of a digest.

        Raises:
            CorruptStoreError: They are missing or changed.
        """

    def close(self) -> None:
        """Let go of files and connections."""
