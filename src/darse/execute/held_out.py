"""The test split, touched once: logits of the found plan's and its controls' runs, kept for good."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from darse.evaluate.losses import Floats, metric_losses
from darse.evaluate.metrics import class_report
from darse.execute.bench import Bench
from darse.model.weights import AdapterWeights
from darse.ranks.plan import RankPlan
from darse.search.result import Quality
from darse.search.verify import Verified
from darse.store.arrays import put_array, read_array
from darse.store.attachments import attach, attached
from darse.store.protocol import Store
from darse.store.trial import Trial

_TEST_LOGITS = "test"
"""What the logits of a trial are kept under, with the trial's id behind it: each has a name of its own, since several
processes may judge one study."""


@dataclass(frozen=True)
class HeldOut:
    """Test results of one plan's runs, seeds in rising order.

    Attributes:
        trials: The runs.
        logits: Shape (seeds, rows, outputs).
        losses: Of the verdict's metric, shape (seeds, rows).
    """

    trials: tuple[Trial, ...]
    logits: Floats
    losses: Floats

    @classmethod
    def of(cls, bench: Bench, trials: Sequence[Trial], logits: Sequence[Floats]) -> HeldOut:
        """Runs with the losses of their logits, shape (rows, outputs) each."""
        losses = [metric_losses(one, *bench.truth("test"), bench.task) for one in logits]
        return cls(tuple(trials), np.stack(logits), np.stack(losses))

    @property
    def by_seed(self) -> dict[int, Floats]:
        """Losses of each run, shape (rows,), by the number of its seed."""
        return {trial.spec.seed: losses for trial, losses in zip(self.trials, self.losses, strict=True)}


def held_out(
    bench: Bench, study: str, verified: Verified, trials: Iterable[Trial], epochs: int, check: Callable[[], None]
) -> dict[RankPlan, HeldOut]:
    """Evaluate every verified run on test, unless the store shows that this was done before.

    Args:
        bench: What trials stand on.
        study: Id of the study.
        verified: The plan and its controls.
        trials: Finished trials.
        epochs: Of a full run.
        check: Called often; raises to stop.
    """
    found: dict[RankPlan, HeldOut] = {}
    for plan, runs in verified.runs(trials, epochs).items():
        logits: list[Floats] = []
        for trial in runs:
            logits.append(test_logits(bench, study, trial.id, partial(bench.trained_weights, trial), check))
        found[plan] = HeldOut.of(bench, runs, logits)
    return found


def test_logits(
    bench: Bench, study: str, trial: str, weights: Callable[[], AdapterWeights], check: Callable[[], None]
) -> Floats:
    """Logits of the test split under a trial's weights, shape (rows, outputs): computed once and kept for good."""
    known = kept_logits(bench.store, study, trial)
    if known is None:
        known = bench.logits(weights(), "test", check)
        attach(bench.store, study, f"{_TEST_LOGITS} {trial}", put_array(bench.store, known))
    return known


def kept_logits(store: Store, study: str, trial: str) -> Floats | None:
    """Logits of the test split under a trial's weights, if they were computed before."""
    digest = attached(store, study, f"{_TEST_LOGITS} {trial}")
    return None if digest is None else read_array(store, digest)


def exported_quality(
    bench: Bench, study: str, proof: HeldOut, variants: Iterable[Trial], check: Callable[[], None]
) -> Quality:
    """The quality of the adapter that is exported, out of the found plan's runs and its cheap variants."""
    chosen = exported(proof.trials, variants)
    logits = test_logits(bench, study, chosen.id, partial(bench.trained_weights, chosen), check)
    return quality_of(bench, chosen, logits, proof)


def exported(runs: Sequence[Trial], variants: Iterable[Trial]) -> Trial:
    """The trial of the best validation score among a plan's runs and its cheap variants; a run if they are equal."""
    return min((*runs, *variants), key=lambda trial: trial.outcome.score)


def quality_of(bench: Bench, chosen: Trial, logits: Floats, proof: HeldOut) -> Quality:
    """The quality of the trial that is exported.

    Args:
        bench: What trials stand on.
        chosen: The trial.
        logits: Of the test split, shape (rows, outputs).
        proof: The plan's runs, for the mean over them.
    """
    tables = [bench.metrics(one, "test") for one in proof.logits]
    labels = bench.truth("test")[0]
    return Quality(
        trial=chosen.id,
        seed=chosen.spec.seed,
        valid=chosen.outcome.metrics,
        test=bench.metrics(logits, "test"),
        test_mean={name: float(np.mean([table[name] for table in tables])) for name in tables[0]},
        classes=class_report(logits, labels, bench.task) if bench.task.classes else None,
    )
