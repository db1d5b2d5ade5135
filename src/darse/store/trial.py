"""A trial: what determines it, what came out of it, and the name that is a hash of the first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from darse.files import sha256_of_json
from darse.ranks.plan import RankPlan

EvaluatorName = Literal["finetune", "truncate", "recover", "given", "trainer"]
TRAINER: Final = "trainer"
"""The evaluator of a run that somebody's own `transformers.Trainer` has made; no search asks for it."""


@dataclass(frozen=True, slots=True)
class TrialSpec:
    """All that determines a trial, inside a context (data, base model, task, training settings).

    Attributes:
        plan: Rank per site.
        seed: Number of the random seed, from 0; the same number means common random numbers.
        learning_rate: Peak learning rate; 0 where nothing is trained.
        epochs: The fidelity: full passes over the training rows at the most (early stopping may end before).
        evaluator: How the score is made; `given` scores weights from elsewhere as they are, `trainer` is a run of
            somebody's own `transformers.Trainer`, which no search asks for.
        parents: Ids of the trials whose weights are cut (truncate, recover), of several their mean; empty otherwise.
    """

    plan: RankPlan
    seed: int
    learning_rate: float
    epochs: int
    evaluator: EvaluatorName = "finetune"
    parents: tuple[str, ...] = ()

    def id(self, context: str) -> str:
        """The trial's name: the first 32 digits of the SHA-256 of the spec and its context's digest.

        >>> spec = TrialSpec(RankPlan((1, 2)), seed=0, learning_rate=1e-3, epochs=3)
        >>> spec.id("a") == spec.id("a"), spec.id("a") == spec.id("b"), len(spec.id("a"))
        (True, False, 32)
        """
        return sha256_of_json({"context": context, **self.as_json()})[:32]

    def as_json(self) -> dict[str, object]:
        """The spec as plain JSON values; `parent` has the ids of all parents, as a single one was always written."""
        values = asdict(self)
        parents: tuple[str, ...] = values.pop("parents")
        return {**values, "plan": list(self.plan.ranks), "parent": "+".join(parents)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> TrialSpec:
        """The inverse of `as_json`."""
        given = dict(values)
        parents = tuple(filter(None, given.pop("parent").split("+")))
        return cls(**{**given, "plan": RankPlan(tuple(given["plan"])), "parents": parents})


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """State of a training run after an epoch.

    Attributes:
        epoch: Epochs finished.
        train_loss: Mean training loss of that epoch.
        score: The search score on validation, lower is better.
    """

    epoch: int
    train_loss: float
    score: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an evaluator returns.

    Attributes:
        score: The search score on validation, lower is better, finite.
        metrics: Validation metrics by name.
        losses: Digest of the artifact with the search loss of each validation example, in the rows' order.
        curve: One point per epoch; empty where nothing is trained.
        artifacts: Digest of each further artifact by its role (`weights`).
        seconds: Wall time.
    """

    score: float
    metrics: Mapping[str, float]
    losses: str
    curve: tuple[CurvePoint, ...] = ()
    artifacts: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Failure:
    """A trial that failed for good.

    Attributes:
        spec: What was run.
        reason: Why it failed.
        seconds: Wall time until it did; 0 where an older version kept none.
    """

    spec: TrialSpec
    reason: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Trial:
    """A finished trial: its name, its spec and its outcome."""

    id: str
    spec: TrialSpec
    outcome: Outcome


def total_seconds(trials: Iterable[Trial], failures: Iterable[Failure]) -> float:
    """Seconds of evaluation in all, those of failed trials included."""
    return sum(trial.outcome.seconds for trial in trials) + sum(failure.seconds for failure in failures)
