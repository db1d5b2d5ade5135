"""The finished trials, and the way a stage asks for more: name what you need, and what is missing runs next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from darse.ranks.plan import RankPlan, Site
from darse.settings import SearchSettings
from darse.store.trial import Failure, Trial, TrialSpec

Floats = NDArray[np.float64]


class Wanted(Exception):  # noqa: N818 - a request, not an error
    """Raised inside a stage when trials that it needs are not finished."""

    def __init__(self, specs: Sequence[TrialSpec]) -> None:
        super().__init__(f"{len(specs)} trials wanted")
        self.specs = tuple(specs)


def is_run(spec: TrialSpec) -> bool:
    """Whether a trial trains, and so counts against the limit of trials."""
    return spec.epochs > 0


@dataclass(frozen=True)
class Problem:
    """What a search is given.

    Attributes:
        sites: Where ranks are set.
        settings: How to search.
        epochs: Passes over the training rows of a full run, at the most.
        budget: Upper bound of a plan's cost; None leaves it to allocate.
        context: Digest of what determines the trials, for their ids.
        has_head: Whether a head can be trained alone, without any pair.
    """

    sites: tuple[Site, ...]
    settings: SearchSettings
    epochs: int
    budget: int | None
    context: str
    has_head: bool = True

    @property
    def max_rank(self) -> int:
        """The highest rank searched: the setting, or the smaller side of the widest weights."""
        return min(self.settings.max_rank, max(site.max_rank for site in self.sites))

    def uniform(self, rank: int) -> RankPlan:
        """The uniform plan of a rank."""
        return RankPlan.uniform(self.sites, rank)


@dataclass(frozen=True)
class History:
    """Everything a stage may look at.

    Attributes:
        problem: What is searched.
        trials: Finished trials by id.
        failed: Failed trials by id.
        read_losses: Per-example search losses of an outcome, by digest, shape (validation rows,).
        is_closed: No more training runs (a limit is reached); stages make do with what there is.
        are_cuts_closed: No more cuts either; they cost time and not runs.
    """

    problem: Problem
    trials: Mapping[str, Trial]
    failed: Mapping[str, Failure] = field(default_factory=dict)
    read_losses: Callable[[str], Floats] = field(default=lambda digest: np.zeros(0))
    is_closed: bool = False
    are_cuts_closed: bool = False

    def has(self, spec: TrialSpec) -> bool:
        """Whether a trial has ended, well or not."""
        name = id_of(spec, self.problem.context)
        return name in self.trials or name in self.failed

    def find(self, spec: TrialSpec) -> Trial | None:
        """The trial of a spec; None if it failed or has not ended."""
        return self.trials.get(id_of(spec, self.problem.context))

    def need(self, specs: Iterable[TrialSpec]) -> list[Trial | None]:
        """The finished trials of some specs, in their order; None where one failed or can no longer run.

        Raises:
            Wanted: Some are not finished yet; they are what runs next.
        """
        wanted: list[TrialSpec] = []
        found: list[Trial | None] = []
        for spec in specs:
            found.append(self.find(spec))
            if not self.has(spec) and self._is_open(spec) and spec not in wanted:
                wanted.append(spec)
        if wanted:
            raise Wanted(wanted)
        return found

    def insist(self, spec: TrialSpec) -> Trial | None:
        """The same for one trial that has to run even if a limit is reached; None if it failed."""
        if not self.has(spec):
            raise Wanted([spec])
        return self.find(spec)

    def _is_open(self, spec: TrialSpec) -> bool:
        return not (self.is_closed if is_run(spec) else self.are_cuts_closed)

    def score(self, spec: TrialSpec) -> float:
        """The score of one trial; infinity if it failed or can no longer run."""
        (trial,) = self.need([spec])
        return trial.outcome.score if trial else float("inf")

    def scores(self, specs: Iterable[TrialSpec]) -> list[float]:
        """The scores of several trials that may run side by side."""
        return [trial.outcome.score if trial else float("inf") for trial in self.need(specs)]

    def losses(self, trial: Trial) -> Floats:
        """Per-example search losses of a finished trial."""
        return self.read_losses(trial.outcome.losses)


@lru_cache(maxsize=65_536)
def id_of(spec: TrialSpec, context: str) -> str:
    """Id of a trial; kept, as the stages are replayed after every trial, and a replay asks for hundreds."""
    return spec.id(context)
