"""The evaluator that cuts: one trained run to any smaller plan, for the price of a pass over the validation rows."""

from __future__ import annotations

import time
from functools import lru_cache

from darse.errors import TrialError
from darse.execute.bench import Bench, read_weights
from darse.execute.evaluator import Feedback
from darse.model.truncate import Spectrum, spectra, truncate
from darse.model.weights import AdapterWeights
from darse.ranks.plan import RankPlan, ranks_by_weight
from darse.store.trial import Outcome, Trial, TrialSpec


class Truncate:
    """Cuts a trained run to a plan by SVD."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._taken_apart = lru_cache(maxsize=4)(self._take_apart)

    def evaluate(self, trial_id: str, spec: TrialSpec, parent: Trial | None, feedback: Feedback) -> Outcome:
        """Cut and score; see `Evaluator.evaluate`."""
        if parent is None:
            raise TrialError("truncate needs a finished run to cut from")
        began = time.perf_counter()
        logits = self.bench.logits(
            self.weights(parent, spec.plan),
            "valid",
            feedback.check,
            origin=parent.id,
            depth=self._uncut_depth(parent.spec.plan, spec.plan),
            is_exact=False,
        )
        return self.bench.outcome(logits, seconds=time.perf_counter() - began)

    def weights(self, parent: Trial, plan: RankPlan) -> AdapterWeights:
        """The parent's weights cut to a plan."""
        trained, taken_apart = self._taken_apart(parent.outcome.artifacts["weights"])
        return truncate(trained, taken_apart, ranks_by_weight(plan, self.bench.sites))

    def _uncut_depth(self, whole: RankPlan, plan: RankPlan) -> int:
        """How many layers, from the lowest on, a cut leaves at the ranks that were trained."""
        before, after = (ranks_by_weight(one, self.bench.sites) for one in (whole, plan))
        weights = self.bench.weights
        cut = (weight.layer for weight in weights if before.get(weight.name, 0) != after.get(weight.name, 0))
        return min(cut, default=weights[-1].layer + 1)

    def _take_apart(self, digest: str) -> tuple[AdapterWeights, dict[str, Spectrum]]:
        weights = read_weights(self.bench.store, digest)
        return weights, spectra(weights)
