"""All that a search has made, and what each part of the search may look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import numpy as np

from darse.search.history import Floats, History, Problem, id_of, is_run
from darse.store.trial import Failure, Trial, TrialSpec

Part = Literal["calibrate", "search", "proof"]
"""Parts of a search that have a share of its limits: stage calibrate, the stages up to allocate, and verify."""
PARTS: Final[tuple[Part, ...]] = ("calibrate", "search", "proof")


@dataclass(frozen=True)
class Record:
    """All trials that have ended, with the part of the search that asked for each first.

    A part sees what was made for it and for the parts before it. Where a limit has ended it, it must not go on from
    what a later part shows, or the plans that were proved would be others than those that were found.

    Attributes:
        problem: What is searched.
        trials: Finished trials by id.
        failed: Failed trials by id.
        read_losses: Per-example search losses of an outcome, by digest, shape (validation rows,).
        parts: The part by the trial's id; of one that is missing, the first.
        runs_closed: Parts that make no more training runs.
        cuts_closed: Parts that make no more cuts.
    """

    problem: Problem
    trials: Mapping[str, Trial]
    failed: Mapping[str, Failure] = field(default_factory=dict)
    read_losses: Callable[[str], Floats] = field(default=lambda digest: np.zeros(0))
    parts: Mapping[str, Part] = field(default_factory=dict)
    runs_closed: frozenset[Part] = frozenset()
    cuts_closed: frozenset[Part] = frozenset()

    @property
    def is_limited(self) -> bool:
        """Whether a limit has ended a part of the search."""
        return bool(self.runs_closed)

    def seen_by(self, part: Part) -> History:
        """The history for the stages of a part."""
        later = {name for name, own in self.parts.items() if PARTS.index(own) > PARTS.index(part)}
        return History(
            self.problem,
            {name: trial for name, trial in self.trials.items() if name not in later},
            {name: failure for name, failure in self.failed.items() if name not in later},
            self.read_losses,
            is_closed=part in self.runs_closed,
            are_cuts_closed=part in self.cuts_closed,
        )

    def ended(self, spec: TrialSpec) -> Trial | Failure | None:
        """How the trial of a spec has ended; None if it has not."""
        name = id_of(spec, self.problem.context)
        return self.trials.get(name) or self.failed.get(name)

    def adding(self, ended: Trial | Failure, part: Part) -> Record:
        """The record with one more trial."""
        name = id_of(ended.spec, self.problem.context)
        grown = replace(self, parts={**self.parts, name: self.parts.get(name, part)})
        if isinstance(ended, Trial):
            return replace(grown, trials={**self.trials, name: ended})
        return replace(grown, failed={**self.failed, name: ended})

    def closing(self, part: Part, spec: TrialSpec) -> Record:
        """No more runs (or, if the trial that did not fit is a cut, no cuts either) for a part and those before it."""
        parts = frozenset(PARTS[: PARTS.index(part) + 1])
        cuts = frozenset() if is_run(spec) else parts
        return replace(self, runs_closed=self.runs_closed | parts, cuts_closed=self.cuts_closed | cuts)

    def is_closed(self, part: Part, spec: TrialSpec) -> bool:
        """Whether trials of this kind are closed already; a stage that still wants one insists on it."""
        return part in (self.runs_closed if is_run(spec) else self.cuts_closed)
