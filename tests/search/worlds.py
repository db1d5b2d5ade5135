"""A made-up model whose score for a plan is a known function: one peak over depth, diminishing returns in rank."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from darse.errors import TrialError
from darse.execute.evaluator import Feedback
from darse.ranks.plan import RankPlan, Site, Weight
from darse.search.history import Problem
from darse.seeds import numpy_stream
from darse.settings import SearchSettings
from darse.store.protocol import Store
from darse.store.trial import EvaluatorName, Outcome, Trial, TrialSpec

ROWS = 32
EPOCHS = 6
CONTEXT = "0" * 64


def layers(depth: int, *, width: int = 64) -> tuple[Site, ...]:
    """Layers of equal cost, two weights each."""
    return tuple(
        Site(
            f"layer {place}",
            (Weight(f"l.{place}.q", width, width, place), Weight(f"l.{place}.up", width, 4 * width, place)),
        )
        for place in range(depth)
    )


def modules(shapes: list[tuple[int, int]]) -> tuple[Site, ...]:
    """One site for each (d_in, d_out)."""
    return tuple(Site(f"m{place}", (Weight(f"m.{place}", *shape, place),)) for place, shape in enumerate(shapes))


def fits(plan: RankPlan, sites: tuple[Site, ...]) -> bool:
    """Whether there is one rank for each site, and none that it cannot carry."""
    return all(rank <= site.max_rank for rank, site in zip(plan, sites, strict=True))


def problem(sites: tuple[Site, ...], **options: object) -> Problem:
    """A problem; `budget` is a number of parameters, the other options are those of the search."""
    budget = options.pop("budget", None)
    assert budget is None or isinstance(budget, int)
    return Problem(sites, SearchSettings.model_validate(options), EPOCHS, budget, CONTEXT)


@dataclass(frozen=True)
class World:
    """How well plans do.

    Attributes:
        depth: Number of sites.
        peak: Where in depth the most useful site is, from 0 to 1.
        width: Of the peak; infinity for a profile that is flat in depth.
        gain: What ranks can gain at the most; 0 for a profile that is flat altogether.
        scale: Rank at which 63 % of a site's gain is reached.
        overfit: What each rank on average over the sites costs.
        exaggeration: How many times a cut loses what a full run of its plan loses.
        noise: Standard deviation of the score over seeds.
        best_rate: The best learning rate.
        fails: Whether a trial fails.
        number: Other worlds have other noise.
    """

    depth: int
    peak: float = 0.4
    width: float = 0.15
    gain: float = 1.0
    scale: float = 2.0
    overfit: float = 0.0
    exaggeration: float = 2.0
    noise: float = 0.002
    best_rate: float = 1e-3
    fails: Callable[[TrialSpec], bool] = field(default=lambda spec: False)
    number: int = 0

    def usefulness(self) -> NDArray[np.float64]:
        """Of each site; they sum to 1."""
        place = np.arange(self.depth) / max(1, self.depth - 1)
        height = np.exp(-0.5 * ((place - self.peak) / self.width) ** 2)
        share: NDArray[np.float64] = height / height.sum()
        return share

    def level(self, plan: RankPlan) -> float:
        """The expected score of a plan at the best learning rate."""
        ranks = np.array(plan.ranks, dtype=np.float64)
        gained = float(self.usefulness() @ (1 - np.exp(-ranks / self.scale)))
        return 2.0 - self.gain * gained + self.overfit * float(ranks.mean())

    def losses(self, spec: TrialSpec) -> NDArray[np.float64]:
        """Of each validation row; raises TrialError where the trial fails."""
        if self.fails(spec):
            raise TrialError(f"the loss of {spec.plan} became nan")
        rate = 0.0 if not spec.epochs else 0.05 * math.log(spec.learning_rate / self.best_rate) ** 2
        purpose = ("noise", str(spec.plan), spec.evaluator, spec.epochs)
        # a cut of a mean over seeds has the noise of a mean
        noise = self.noise / math.sqrt(max(1, len(spec.parents)))
        shock = numpy_stream(self.number, spec.seed, *purpose).normal() * noise
        rows = numpy_stream(0, "rows").normal(size=ROWS) * 0.1
        lost = self.exaggeration - 1 if spec.evaluator == "truncate" else 0.0
        level = self.level(spec.plan)
        level += lost * max(0.0, level - (2.0 - self.gain))
        found: NDArray[np.float64] = level + rate + shock + rows - rows.mean()
        return found

    def outcome(self, spec: TrialSpec, keep: Callable[[bytes], str]) -> Outcome:
        losses = self.losses(spec)
        seconds = 0.01 if spec.evaluator == "truncate" else float(spec.epochs)
        score = float(losses.mean())
        return Outcome(score, {"loss": score}, keep(save({"values": losses})), seconds=seconds)


@dataclass(frozen=True)
class WorldEvaluator:
    """The world behind the evaluators' seam, with every evaluation told to somebody."""

    world: World
    store: Store
    told: Callable[[str, TrialSpec], None] = field(default=lambda trial, spec: None)

    def evaluate(self, trial_id: str, spec: TrialSpec, parents: Sequence[Trial], feedback: Feedback) -> Outcome:
        feedback.check()
        self.told(trial_id, spec)
        return self.world.outcome(spec, self.store.put_artifact)

    def by_name(self) -> dict[EvaluatorName, WorldEvaluator]:
        return {"finetune": self, "truncate": self, "recover": self}
