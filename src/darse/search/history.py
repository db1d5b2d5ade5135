"""The finished trials, and the way a stage asks for more: name what you need, and what is missing runs next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from darse.ranks.plan import RankPlan, Site
from darse.settings import SearchSettings
from darse.store.trial import Trial, TrialSpec

Floats = NDArray[np.float64]


class Wanted(Exception):  # noqa: N818 - a request, not an error
    """Raised inside a stage when trials that it needs are not finished."""

    def __init__(self, specs: Sequence[TrialSpec]) -> None:
        super().__init__(f"{len(specs)} trials wanted")
        self.specs = tuple(specs)


@dataclass(frozen=True)
class Problem:
    """What a search is given.

    Attributes:
        sites: Where ranks are set.
        settings: How to search.
        epochs: Passes over the training rows of a full run, at the most.
        budget: Upper bound of a plan's cost; None means what the best uniform plan costs.
        context: Digest of what determines the trials, for their ids.
    """

    sites: tuple[Site, ...]
    settings: SearchSettings
    epochs: int
    budget: int | None
    context: str

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
        failed: Ids of failed trials.
        read_losses: Per-example search losses of an outcome, by digest, shape (validation rows,).
        is_closed: No more trials will run (a limit is reached); stages make do with what there is.
        is_proof_closed: The same for stage verify, whose share of the limits is kept apart.
    """

    problem: Problem
    trials: Mapping[str, Trial]
    failed: frozenset[str] = frozenset()
    read_losses: Callable[[str], Floats] = field(default=lambda digest: np.zeros(0))
    is_closed: bool = False
    is_proof_closed: bool = False

    def need(self, specs: Iterable[TrialSpec]) -> list[Trial | None]:
        """The finished trials of some specs, in their order; None where one failed or can no longer run.

        Raises:
            Wanted: Some are not finished yet; they are what runs next.
        """
        wanted: list[TrialSpec] = []
        found: list[Trial | None] = []
        for spec in specs:
            name = spec.id(self.problem.context)
            trial = self.trials.get(name)
            found.append(trial)
            if trial is None and name not in self.failed and not self.is_closed and spec not in wanted:
                wanted.append(spec)
        if wanted:
            raise Wanted(wanted)
        return found

    def score(self, spec: TrialSpec) -> float:
        """The score of one trial; infinity if it failed or can no longer run."""
        (trial,) = self.need([spec])
        return trial.outcome.score if trial else float("inf")

    def scores(self, specs: Iterable[TrialSpec]) -> list[float]:
        """The scores of several trials that may run side by side."""
        return [trial.outcome.score if trial else float("inf") for trial in self.need(specs)]

    def mean_score(self, specs: Sequence[TrialSpec]) -> float:
        """Mean score over the specs that have one; infinity if none has."""
        finished = [trial.outcome.score for trial in self.need(specs) if trial]
        return float(np.mean(finished)) if finished else float("inf")

    def losses(self, trial: Trial) -> Floats:
        """Per-example search losses of a finished trial."""
        return self.read_losses(trial.outcome.losses)
