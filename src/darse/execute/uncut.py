"""The evaluator that trains and cuts nothing: weights from elsewhere, scored and kept, for others to cut from."""

from __future__ import annotations

import time
from collections.abc import Sequence

from darse.execute.bench import Bench
from darse.execute.evaluator import Feedback
from darse.model.weights import AdapterWeights
from darse.store.trial import Outcome, Trial, TrialSpec


class Uncut:
    """Scores weights as they are.

    Args:
        bench: What trials stand on.
        weights: The weights.
    """

    def __init__(self, bench: Bench, weights: AdapterWeights) -> None:
        self.bench, self.weights = bench, weights

    def evaluate(self, trial_id: str, spec: TrialSpec, parents: Sequence[Trial], feedback: Feedback) -> Outcome:
        """Score the weights; see `Evaluator.evaluate`."""
        began = time.perf_counter()
        logits = self.bench.logits(self.weights, "valid", feedback.check)
        return self.bench.outcome(logits, seconds=time.perf_counter() - began, weights=self.weights)
