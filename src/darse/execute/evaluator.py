"""The seam between a plan and its score, and what the evaluators share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from darse.store.trial import Outcome, Trial, TrialSpec


@dataclass(frozen=True)
class Feedback:
    """What an evaluator tells and asks while it works.

    Attributes:
        check: Called often; raises `Interrupted` to stop.
        step: Told epoch, step and steps per epoch of a training run.
    """

    check: Callable[[], None] = lambda: None
    step: Callable[[int, int, int], None] = field(default=lambda epoch, step, steps: None)


class Evaluator(Protocol):
    """Gives a trial its score."""

    def evaluate(self, trial_id: str, spec: TrialSpec, parents: Sequence[Trial], feedback: Feedback) -> Outcome:
        """Score a trial.

        The same id and spec give the same outcome, to the bit on a CPU, whether or not a first try was killed.

        Args:
            trial_id: Its name; a checkpoint carries it.
            spec: What to run.
            parents: The finished trials whose weights are cut, for `truncate` and `recover`.
            feedback: Whom to tell and to ask.

        Raises:
            TrialError: It has no score (a loss that is not finite).
            Interrupted: The user asked to stop; a checkpoint is left.
        """
