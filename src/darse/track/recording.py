"""A run of somebody's own training to a study of a store: its settings, its layers epoch by epoch, and its end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np

from darse.files import make_folder, sha256_of_json
from darse.packages import shaping_versions
from darse.ranks.plan import RankPlan
from darse.store.arrays import put_array
from darse.store.attachments import attach, attached
from darse.store.journal import Journal
from darse.store.open import open_study_store
from darse.store.protocol import Store, StudyRecord
from darse.store.trial import TRAINER, CurvePoint, Outcome, TrialSpec
from darse.track.kept import TRACE, put_trace, trace_from_bytes
from darse.train.trace import Trace, TracePoint

SCORES = ("eval_loss", "loss", "train_loss")
"""What a run is judged by, the first of these that it has told."""
_WORKER = "trainer"
_LEASE_S = 60.0


@dataclass(frozen=True)
class RunIdentity:
    """What makes a run this run.

    Attributes:
        name: What people call it.
        settings: Of the training, as plain JSON.
        modules: Adapted modules with their ranks.
        place: What tells runs of the same settings apart, such as the folder that they write to.
    """

    name: str
    settings: Mapping[str, object]
    modules: Mapping[str, int]
    place: str

    def context(self, restarts: int) -> str:
        """Digest of it all; no search has such a one, since its context is made of other things."""
        return sha256_of_json(
            {
                TRAINER: dict(self.settings),
                "name": self.name,
                "modules": dict(self.modules),
                "place": self.place,
                "versions": shaping_versions(),
                "fresh": restarts,
            }
        )

    def described(self) -> dict[str, object]:
        """What the study is described by."""
        modules: dict[str, object] = dict(self.modules)
        return {"evaluator": TRAINER, "versions": shaping_versions(), **self.settings, "ranks": {"by_module": modules}}


@dataclass(frozen=True)
class Recording:
    """A run that is being recorded.

    Attributes:
        folder: Where the store is.
        address: Of the store; None for the file in the folder.
        identity: What makes it this run.
        study: Id of its study.
        context: Of its trial.
        points: What its pairs did, epoch by epoch.
    """

    folder: Path
    address: str | None
    identity: RunIdentity
    study: str
    context: str
    points: tuple[TracePoint, ...] = ()
    curve: tuple[CurvePoint, ...] = field(default=(), compare=False)

    @classmethod
    def begin(
        cls, folder: Path, address: str | None, identity: RunIdentity, *, now: float, is_resumed: bool, epoch: float
    ) -> Self:
        """Register the run as a study, or go on with the one that was registered before it was stopped.

        Args:
            folder: Made if it is missing.
            address: Of the store, or None.
            identity: What makes it this run.
            now: Seconds since 1970 (UTC).
            is_resumed: Whether the run goes on from a checkpoint.
            epoch: Epochs that it has finished.

        Raises:
            StoreError: The store cannot be used.
        """
        make_folder(folder)
        with open_study_store(folder, address) as store:
            present = {record.id: record for record in store.studies()}
            count = 0
            while _study_id(identity.context(count)) in present:
                count += 1
            known = _study_id(identity.context(count - 1)) if count else ""
            continues = is_resumed and bool(count) and present[known].state != "finished"
            context = identity.context(count - 1 if continues else count)
            study = _study_id(context)
            store.register_study(StudyRecord(study, identity.name, context, identity.described(), now))
            store.set_study_state(study, "running")
            journal = Journal(store, study, lambda: now)
            journal.note("continued" if continues else "opened", worker=_WORKER)
            points = tuple(point for point in _kept_points(store, study) if point.epoch <= epoch)
            return cls(folder, address, identity, study, context, points)

    def adding(self, point: TracePoint) -> Recording:
        """The recording with one more epoch, which is in the store when this returns.

        Raises:
            StoreError: The store cannot be used.
        """
        grown = replace(self, points=(*self.points, point))
        with open_study_store(self.folder, self.address) as store:
            attach(store, self.study, TRACE, put_trace(store, grown.trace))
        return grown

    @property
    def trace(self) -> Trace:
        """What its pairs have done so far."""
        modules = self.identity.modules
        return Trace(tuple(modules), tuple(modules.values()), self.points)

    def finish(
        self, figures: Mapping[str, float], *, seed: int, learning_rate: float, seconds: float, now: float
    ) -> None:
        """Keep the run as a finished trial of its study; without any loss the study alone is finished.

        Args:
            figures: What it told last, by name.
            seed: Of the training.
            learning_rate: Peak.
            seconds: Wall time.
            now: Seconds since 1970 (UTC).

        Raises:
            StoreError: The store cannot be used.
        """
        told = {name: float(value) for name, value in figures.items() if math.isfinite(value)}
        score = next((told[name] for name in SCORES if name in told), None)
        with open_study_store(self.folder, self.address) as store:
            journal = Journal(store, self.study, lambda: now)
            if score is not None:
                plan = RankPlan.of(self.identity.modules.values())
                spec = TrialSpec(plan, max(0, seed), max(0.0, learning_rate), max(1, len(self.points)), TRAINER)
                self._store_trial(store, spec, self._outcome(store, score, told, seconds), now)
            journal.finish(score=score, epochs=len(self.points), seconds=seconds)

    def _outcome(self, store: Store, score: float, metrics: Mapping[str, float], seconds: float) -> Outcome:
        # a Trainer tells no losses of single rows
        losses = put_array(store, np.zeros(0))
        artifacts = {TRACE: put_trace(store, self.trace)} if self.points else {}
        return Outcome(score, dict(sorted(metrics.items())), losses, self.curve, artifacts, seconds)

    def _store_trial(self, store: Store, spec: TrialSpec, outcome: Outcome, now: float) -> None:
        (name,) = store.enqueue(self.study, [spec])
        lease = store.claim(self.study, _WORKER, now=now, lease_s=_LEASE_S, trial=name)
        if lease is not None:  # else it is finished already, by an earlier end of the same run
            store.finish(lease, outcome, now=now)


def _study_id(context: str) -> str:
    return sha256_of_json({TRAINER: context})[:16]


def _kept_points(store: Store, study: str) -> Sequence[TracePoint]:
    digest = attached(store, study, TRACE)
    return () if digest is None else trace_from_bytes(store.artifact(digest)).points
