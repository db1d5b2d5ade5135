"""The evaluator that trains: the truth, and the published way; and its sibling that trains on from a cut adapter."""

from __future__ import annotations

import time

from darse.errors import TrialError
from darse.execute.bench import Bench
from darse.execute.evaluator import Feedback
from darse.execute.truncate import Truncate
from darse.model.weights import AdapterWeights
from darse.store.trial import CurvePoint, Outcome, Trial, TrialSpec
from darse.train.checkpoint import CheckpointFile
from darse.train.loop import Observer, train


class Finetune:
    """Trains a plan from fresh weights."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def evaluate(self, trial_id: str, spec: TrialSpec, parent: Trial | None, feedback: Feedback) -> Outcome:
        """Train and score; see `Evaluator.evaluate`."""
        start = self.bench.fresh_weights(spec.plan, spec.seed, feedback.check)
        return run_training(self.bench, trial_id, spec, start, feedback)


class Recover:
    """Cuts a trained run to a plan, then trains on for a few epochs."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.cut = Truncate(bench)

    def evaluate(self, trial_id: str, spec: TrialSpec, parent: Trial | None, feedback: Feedback) -> Outcome:
        """Cut, train on and score; see `Evaluator.evaluate`."""
        if parent is None:
            raise TrialError("recover needs a finished run to cut from")
        return run_training(self.bench, trial_id, spec, self.cut.weights(parent, spec.plan), feedback)


def run_training(bench: Bench, trial_id: str, spec: TrialSpec, start: AdapterWeights, feedback: Feedback) -> Outcome:
    """Train from some weights, resuming from the trial's checkpoint, and score the best epoch."""
    began = time.perf_counter()
    checkpoint = CheckpointFile(bench.checkpoints / f"{trial_id}.safetensors")

    def validate() -> float:
        return float(bench.losses(bench.logits_now("valid", feedback.check), "valid").mean())

    trained = train(
        bench.model,
        start,
        bench.rows["train"],
        task=bench.task,
        settings=bench.settings.train,
        learning_rate=spec.learning_rate,
        epochs=spec.epochs,
        seed=bench.run_seed(spec.seed),
        validate=validate,
        checkpoint=checkpoint,
        observer=Observer(feedback.check, feedback.step),
    )
    curve = tuple(
        CurvePoint(epoch, train_loss, score) for epoch, (train_loss, score) in enumerate(trained.progress.curve, 1)
    )
    logits = bench.logits(trained.weights, "valid", feedback.check)
    seconds = time.perf_counter() - began
    return bench.outcome(logits, seconds=seconds, weights=trained.weights, curve=curve)
