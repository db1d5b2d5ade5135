"""I6: a store does what a dictionary would do, whatever is asked of it in whatever order."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from darse.errors import StaleLeaseError
from darse.store.open import open_store
from darse.store.protocol import Event, Lease, StudyRecord
from darse.store.trial import Failure, Outcome, TrialSpec

from .samples import CONTEXT, OTHER_STUDY, STUDY, a_record, a_spec, an_outcome

STUDIES = st.sampled_from([STUDY, OTHER_STUDY])
NUMBERS = st.integers(0, 5)
LEASE_S = 10.0


@dataclass
class Entry:
    """What a dictionary remembers of a trial."""

    spec: TrialSpec
    token: int = 0
    expires: float | None = None
    outcome: Outcome | None = None
    reason: str | None = None

    @property
    def is_queued(self) -> bool:
        return self.outcome is None and self.reason is None

    def is_claimable(self, now: float) -> bool:
        return self.is_queued and (self.expires is None or self.expires <= now)


@dataclass
class Owned:
    """What a dictionary remembers of a study."""

    record: StudyRecord
    asked: list[str] = field(default_factory=list)
    findings: dict[str, dict[str, object]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)


class StoreAgainstDictionary(RuleBasedStateMachine):
    """Every rule asks the store and the dictionary; the invariants compare all they say."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="darse-stateful-"))
        self.store = open_store(self.folder / "store.db")
        self.trials: dict[str, Entry] = {}
        self.studies: dict[str, Owned] = {}
        self.leases: list[Lease] = []
        self.now = 0.0
        for created, study in enumerate((STUDY, OTHER_STUDY)):
            record = self.store.register_study(a_record(study, created=created))
            self.studies[study] = Owned(record)

    @rule(study=STUDIES, numbers=st.lists(NUMBERS, max_size=4))
    def enqueue(self, study: str, numbers: list[int]) -> None:
        specs = [a_spec(number) for number in numbers]
        ids = self.store.enqueue(study, specs)
        assert ids == tuple(spec.id(CONTEXT) for spec in specs)
        for trial, spec in zip(ids, specs, strict=True):
            self.trials.setdefault(trial, Entry(spec))
            if trial not in self.studies[study].asked:
                self.studies[study].asked.append(trial)

    @rule(study=STUDIES, number=st.none() | NUMBERS)
    def claim(self, study: str, number: int | None) -> None:
        named = None if number is None else a_spec(number).id(CONTEXT)
        waiting = [
            trial
            for trial in self.studies[study].asked
            if named in (None, trial) and self.trials[trial].is_claimable(self.now)
        ]
        lease = self.store.claim(study, "worker", now=self.now, lease_s=LEASE_S, trial=named)
        assert (lease.trial if lease else None) == (waiting[0] if waiting else None)
        if lease is not None:
            entry = self.trials[lease.trial]
            assert (lease.spec, lease.expires) == (entry.spec, self.now + LEASE_S)
            assert lease.token > entry.token
            entry.token, entry.expires = lease.token, lease.expires
            self.leases.append(lease)

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), action=st.sampled_from(["finish", "fail", "renew", "release"]))
    def use_a_lease(self, data: st.DataObject, action: str) -> None:
        lease = data.draw(st.sampled_from(self.leases))
        entry = self.trials[lease.trial]
        if not entry.is_queued or entry.token != lease.token:
            self.use_a_stale_lease(lease, action)
        elif action == "finish":
            entry.outcome = an_outcome(len(self.leases))
            assert self.store.finish(lease, entry.outcome, now=self.now).outcome == entry.outcome
        elif action == "fail":
            entry.reason = f"reason {self.now}"
            self.store.fail(lease, entry.reason, now=self.now)
        elif action == "renew":
            entry.expires = self.now + LEASE_S
            assert self.store.renew(lease, now=self.now, lease_s=LEASE_S).expires == entry.expires
        else:
            self.store.release(lease)
            entry.token, entry.expires = entry.token + 1, None

    def use_a_stale_lease(self, lease: Lease, action: str) -> None:
        use: dict[str, Callable[[], object]] = {
            "finish": lambda: self.store.finish(lease, an_outcome(99), now=self.now),
            "fail": lambda: self.store.fail(lease, "stale", now=self.now),
            "renew": lambda: self.store.renew(lease, now=self.now, lease_s=LEASE_S),
        }
        if action == "release":
            self.store.release(lease)
            return
        with pytest.raises(StaleLeaseError):
            use[action]()

    @rule(seconds=st.sampled_from([0.1, LEASE_S / 2, LEASE_S]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(study=STUDIES, stage=st.sampled_from(["coarse", "fine"]), value=st.integers() | st.text())
    def put_finding(self, study: str, stage: str, value: object) -> None:
        self.store.put_finding(study, stage, {"value": value})
        self.studies[study].findings[stage] = {"value": value}

    @rule(study=STUDIES, kind=st.text())
    def add_event(self, study: str, kind: str) -> None:
        event = Event(self.now, kind, {"kind": kind})
        self.store.add_event(study, event)
        self.studies[study].events.append(event)

    @rule(study=STUDIES, state=st.sampled_from(["running", "finished", "stopped"]))
    def set_study_state(self, study: str, state: str) -> None:
        self.store.set_study_state(study, state)
        self.studies[study].record = replace(self.studies[study].record, state=state)

    @rule()
    def open_again(self) -> None:
        self.store.close()
        self.store = open_store(self.folder / "store.db")

    @invariant()
    def studies_are_equal(self) -> None:
        assert list(self.store.studies()) == [owned.record for owned in self.studies.values()]
        for study, owned in self.studies.items():
            assert self.store.findings(study) == owned.findings
            assert list(self.store.events(study)) == owned.events

    @invariant()
    def trials_are_equal(self) -> None:
        for study, owned in self.studies.items():
            entries = {trial: self.trials[trial] for trial in owned.asked}
            finished = [(name, entry.outcome) for name, entry in entries.items() if entry.outcome]
            failed = [Failure(entry.spec, entry.reason) for entry in entries.values() if entry.reason]
            held = [(name, entry.token) for name, entry in entries.items() if entry.is_queued and entry.expires]
            assert [(trial.id, trial.outcome) for trial in self.store.trials(study)] == finished
            assert self.store.failures(study) == failed
            assert [(lease.trial, lease.token) for lease in self.store.leases(study)] == held

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)


TestStoreAgainstDictionary = StoreAgainstDictionary.TestCase
TestStoreAgainstDictionary.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
