"""Studies for the analysis: from hand-written results, with losses and traces that are functions of the plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from darse.analysis.studied import Studied
from darse.evaluate.losses import Floats
from darse.ranks.plan import RankPlan
from darse.search.result import Result
from darse.store.protocol import Event, StudyRecord
from darse.store.trial import Outcome, Trial, TrialSpec
from darse.train.trace import Trace, TracePoint
from tests.report.samples import a_result

STARTED = 1_795_470_331.0


def a_study(
    result: Result | None = None,
    *,
    trials: Sequence[Trial] | None = None,
    trace: Callable[[Trial], Trace | None] = lambda trial: None,
    losses: Callable[[Trial], Floats] = lambda trial: np.zeros(0),
    settings: dict[str, object] | None = None,
    state: str = "finished",
    events: Sequence[Event] = (),
    created: float = STARTED,
    study: str = "2af634d179fddc96",
) -> Studied:
    """A study around a result, or around trials alone."""
    kept = () if result is None else result.trials
    described = {"data_sha256": "d" * 64, "evaluator": "darse", "versions": "torch 2.13.0, numpy 2.4.6"}
    findings = {} if result is None else result.findings.as_json()
    return Studied(
        StudyRecord(study, "headlines", "c" * 64, {**described, **(settings or {})}, created, state),
        tuple(kept if trials is None else trials),
        () if result is None else result.failures,
        findings,
        tuple(events),
        result,
        losses,
        trace,
    )


def traced(result: Result) -> Callable[[Trial], Trace | None]:
    """A trace for every run: of epoch e, module m in a site of rank r, gradient e, update r, effective rank r / 2."""

    def trace(trial: Trial) -> Trace | None:
        pairs = zip(result.sites, trial.spec.plan, strict=True)
        modules = [(weight.name, rank) for site, rank in pairs if rank for weight in site.weights]
        points = tuple(
            TracePoint(
                epoch,
                (float(epoch),) * len(modules),
                tuple(float(rank) for _, rank in modules),
                tuple(rank / 2 for _, rank in modules),
            )
            for epoch in (1, 2)
        )
        return Trace(tuple(name for name, _ in modules), tuple(rank for _, rank in modules), points)

    return trace


def planted_trials(worth: Sequence[float], amount: int, *, noise: float = 0.0, seed: int = 0) -> list[Trial]:
    """Cuts of random plans whose loss is 1 less the sum of worth x log2(1 + rank), and half as many full runs."""
    stream = np.random.default_rng(seed)
    found = []
    for place in range(amount):
        ranks = stream.choice([0, 1, 3, 7], size=len(worth))
        score = 1.0 - float(np.log2(1 + ranks) @ np.array(worth)) + noise * float(stream.normal())
        is_full = place % 3 == 0
        spec = TrialSpec(RankPlan.of(map(int, ranks)), place if is_full else 0, 0.0, 3 if is_full else 0)
        spec = spec if is_full else replace(spec, evaluator="truncate")
        # how a trial was made moves its loss as a whole, which is no ranks' doing
        found.append(Trial(f"{place:032x}", spec, Outcome(score - 0.4 * is_full, {}, "", seconds=1.0)))
    return found


__all__ = ["a_result", "a_study", "planted_trials", "traced"]
