"""The evaluator that trains nothing: plans scored by regression on the frozen model's gradients, one pass for all."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from darse.data.example import SplitName
from darse.errors import TrialError
from darse.evaluate.losses import Floats, search_losses
from darse.evaluate.metrics import metrics
from darse.execute.bench import Bench
from darse.execute.evaluator import Feedback
from darse.model.lora import installed
from darse.ranks.plan import RankPlan
from darse.seeds import numpy_stream
from darse.store.arrays import put_array
from darse.store.trial import Outcome, Trial, TrialSpec
from darse.train.encode import Encoded
from darse.train.tangent import Tangents, tangents

ROWS = 400
"""Rows of a split that are looked at, at the most: enough to order plans, and a kernel's price is their cube."""


class Tangent:
    """Scores plans without training; see `darse.train.tangent`."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._kept: tuple[Tangents, Encoded] | None = None

    def evaluate(self, trial_id: str, spec: TrialSpec, parents: Sequence[Trial], feedback: Feedback) -> Outcome:
        """Regress in every draw; losses are means over draws. See `Evaluator.evaluate`."""
        began = time.perf_counter()
        if not spec.plan.active:
            raise TrialError("a plan without a rank anywhere has no gradients to regress on")
        if self._kept is None:
            self._kept = self._look(feedback)
        found, valid = self._kept
        truth = valid.labels.numpy(), valid.scores.numpy().astype(np.float64)
        predicted = np.stack(list(found.predictions(spec.plan)))
        losses: Floats = np.mean([search_losses(one, *truth, self.bench.task) for one in predicted], axis=0)
        return Outcome(
            score=float(losses.mean()),
            metrics=metrics(predicted.mean(axis=0), *truth, self.bench.task),
            losses=put_array(self.bench.store, losses),
            seconds=time.perf_counter() - began,
        )

    def _look(self, feedback: Feedback) -> tuple[Tangents, Encoded]:
        bench = self.bench
        train, valid = self._rows("train"), self._rows("valid")
        with installed(bench.model, bench.starting_weights(RankPlan.uniform(bench.sites, 0), 0, feedback.check)):
            return tangents(bench.model, bench.sites, train, valid, bench.task, check=feedback.check), valid

    def _rows(self, split: SplitName) -> Encoded:
        rows = self.bench.rows[split]
        if len(rows) <= ROWS:
            return rows
        chosen = numpy_stream(self.bench.settings.search.seed, "tangent", split).permutation(len(rows))[:ROWS]
        return rows.at(np.sort(chosen))
