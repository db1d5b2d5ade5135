"""The evaluator that asks a user's own function, for any task and any way to train."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from darse.errors import TrialError
from darse.execute.bench import pack_array
from darse.execute.evaluator import Feedback
from darse.ranks.plan import Site, ranks_by_weight
from darse.store.protocol import Store
from darse.store.trial import Outcome, Trial, TrialSpec

UserFunction = Callable[[Mapping[str, int], int, float], ArrayLike]
"""`f(ranks, seed, learning_rate)`: rank by the module's full name (none for modules left out) to per-example losses."""


class UserEvaluator:
    """Scores a plan by a user's own function.

    Args:
        function: Called with the rank of every adapted module, the seed and the learning rate; returns one loss
            per validation example, lower is better, always for the same examples in the same order.
        sites: Where ranks are set.
        store: Keeps the losses.
    """

    def __init__(self, function: UserFunction, sites: Sequence[Site], store: Store) -> None:
        self.function, self.sites, self.store = function, sites, store
        self._rows: int | None = None

    def evaluate(self, trial_id: str, spec: TrialSpec, parent: Trial | None, feedback: Feedback) -> Outcome:
        """Ask the function; see `Evaluator.evaluate`."""
        feedback.check()
        began = time.perf_counter()
        answer = self.function(ranks_by_weight(spec.plan, self.sites), spec.seed, spec.learning_rate)
        try:
            losses = np.asarray(answer, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise TrialError(f"the evaluator returned something that is no array of numbers: {error}") from error
        if losses.ndim != 1 or not len(losses):
            raise TrialError(f"the evaluator returned an array of shape {losses.shape}, not one loss per example")
        if self._rows not in {None, len(losses)}:
            raise TrialError(f"the evaluator returned {len(losses)} losses, but {self._rows} the time before")
        self._rows = len(losses)
        score = float(losses.mean())
        if not math.isfinite(score):
            raise TrialError(f"the evaluator returned losses whose mean is {score} for plan {spec.plan}")
        digest = self.store.put_artifact(pack_array(losses))
        return Outcome(score, {"loss": score}, digest, seconds=time.perf_counter() - began)
