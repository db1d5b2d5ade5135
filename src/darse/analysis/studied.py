"""A study's record to everything that its store holds of it, in one value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from darse.evaluate.losses import Floats
from darse.search.driver import read_record
from darse.search.history import History, Problem, is_run
from darse.search.identity import described
from darse.search.kept_result import readable_result
from darse.search.result import Result
from darse.store.arrays import read_array
from darse.store.attachments import attached
from darse.store.protocol import Event, Store, StudyRecord
from darse.store.trial import Failure, Trial
from darse.track.kept import TRACE, read_trace, trace_from_bytes
from darse.train.trace import Trace


@dataclass(frozen=True)
class Studied:
    """A study, finished or not.

    Attributes:
        record: Its record.
        trials: Finished trials, in the order in which they were asked for.
        failures: Failed trials.
        findings: By stage, as JSON.
        events: What happened, oldest first.
        result: All that was found; None for a study that has not ended, or searched nothing.
        losses: Per-example search losses of a trial, shape (validation rows,); while the store is open.
        trace: What the modules of a trial's run did, None where nothing is kept; while the store is open.
        kept_trace: What those of a run did that no trial of the store is of, or not yet: one under way in somebody's
            `Trainer`.
    """

    record: StudyRecord
    trials: tuple[Trial, ...]
    failures: tuple[Failure, ...]
    findings: Mapping[str, Mapping[str, object]]
    events: tuple[Event, ...]
    result: Result | None
    losses: Callable[[Trial], Floats]
    trace: Callable[[Trial], Trace | None]
    kept_trace: Trace | None = None

    @property
    def runs(self) -> tuple[Trial, ...]:
        """The trials that trained."""
        return tuple(trial for trial in self.trials if is_run(trial.spec))

    @property
    def settings(self) -> dict[str, object]:
        """What makes the study this study, by dotted name."""
        return described(self.record)

    @property
    def noise_floor(self) -> float | None:
        """What the seed alone moves the score by; None before it is known."""
        found = self.findings.get("calibrate", {}).get("noise_floor")
        return float(found) if isinstance(found, int | float) else None

    def history(self, store: Store) -> History:
        """What a stage of the search would see; only of a study that has a result."""
        result = self.result
        assert result is not None, "a study without a result has no sites"
        problem = Problem(result.sites, result.settings.search, result.settings.train.epochs, None, self.record.context)
        return read_record(problem, self.record.id, store).seen_by("proof")


def read_study(store: Store, record: StudyRecord) -> Studied:
    """Everything that a store holds of a study.

    Raises:
        StoreError: The store cannot be read.
        CorruptStoreError: A row or the result fails its digest.
    """
    kept = attached(store, record.id, TRACE)
    return Studied(
        record,
        tuple(store.trials(record.id)),
        tuple(store.failures(record.id)),
        store.findings(record.id),
        tuple(store.events(record.id)),
        readable_result(store, record.id),
        lambda trial: read_array(store, trial.outcome.losses),
        partial(read_trace, store),
        None if kept is None else trace_from_bytes(store.artifact(kept)),
    )
