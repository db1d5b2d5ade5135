"""The evaluator that cuts: one trained run, or the mean of several, to any smaller plan, for a validation pass."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import lru_cache

from darse.errors import TrialError
from darse.execute.bench import Bench, read_weights
from darse.execute.evaluator import Feedback
from darse.model.truncate import Spectrum, mean_of, spectra, truncate
from darse.model.weights import AdapterWeights
from darse.ranks.plan import RankPlan, ranks_by_weight
from darse.store.trial import Outcome, Trial, TrialSpec


class Truncate:
    """Cuts trained runs to a plan by SVD."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._taken_apart = lru_cache(maxsize=4)(self._take_apart)

    def evaluate(self, trial_id: str, spec: TrialSpec, parents: Sequence[Trial], feedback: Feedback) -> Outcome:
        """Cut and score; see `Evaluator.evaluate`."""
        began = time.perf_counter()
        logits = self.bench.logits(
            self.weights(parents, spec.plan),
            "valid",
            feedback.check,
            origin="+".join(spec.parents),
            depth=self._uncut_depth(parents[0].spec.plan, spec.plan),
            is_exact=False,
        )
        return self.bench.outcome(logits, seconds=time.perf_counter() - began)

    def weights(self, parents: Sequence[Trial], plan: RankPlan) -> AdapterWeights:
        """The weights of trained runs of one plan, their mean if they are several, cut to another plan.

        Raises:
            TrialError: There is no run to cut from.
        """
        if not parents:
            raise TrialError("a cut needs a finished run to be cut from")
        trained, taken_apart = self._taken_apart(tuple(parent.outcome.artifacts["weights"] for parent in parents))
        return truncate(trained, taken_apart, ranks_by_weight(plan, self.bench.sites))

    def _uncut_depth(self, whole: RankPlan, plan: RankPlan) -> int:
        """How many layers, from the lowest on, a cut leaves at the ranks that were trained."""
        before, after = (ranks_by_weight(one, self.bench.sites) for one in (whole, plan))
        weights = self.bench.weights
        cut = (weight.layer for weight in weights if before.get(weight.name, 0) != after.get(weight.name, 0))
        return min(cut, default=weights[-1].layer + 1)

    def _take_apart(self, digests: tuple[str, ...]) -> tuple[AdapterWeights, dict[str, Spectrum]]:
        weights = mean_of([read_weights(self.bench.store, digest) for digest in digests])
        return weights, spectra(weights)
