"""The test split, touched once: logits of the found plan's and its controls' runs, kept for good."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from darse.evaluate.losses import Floats, metric_losses
from darse.execute.bench import Bench
from darse.ranks.plan import RankPlan
from darse.search.verify import Verified
from darse.store.arrays import put_array, read_array
from darse.store.trial import Trial

TEST_LOGITS = "test"
"""Name of the finding that keeps the digest of the logits of every run by the trial's id."""


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
    known = {str(key): str(value) for key, value in bench.store.findings(study).get(TEST_LOGITS, {}).items()}
    found: dict[RankPlan, HeldOut] = {}
    for plan, runs in verified.runs(trials, epochs).items():
        for trial in runs:
            if trial.id not in known:
                logits = bench.logits(bench.trained_weights(trial), "test", check)
                known[trial.id] = put_array(bench.store, logits)
                bench.store.put_finding(study, TEST_LOGITS, known)
        kept = np.stack([read_array(bench.store, known[trial.id]) for trial in runs])
        losses = np.stack([metric_losses(one, *bench.truth("test"), bench.task) for one in kept])
        found[plan] = HeldOut(runs, kept, losses)
    return found
