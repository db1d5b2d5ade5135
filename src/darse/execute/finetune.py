"""The evaluator that trains: the truth, and the published way; and its sibling that trains on from a cut."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from darse.evaluate.losses import Floats, fit_temperature
from darse.execute.bench import Bench
from darse.execute.evaluator import Feedback
from darse.execute.truncate import Truncate
from darse.model.head import cooled
from darse.model.weights import AdapterWeights, frozen_depth
from darse.store.trial import CurvePoint, Outcome, Trial, TrialSpec
from darse.train.checkpoint import checkpoint_of
from darse.train.loop import Observer, Schedule, train


class Finetune:
    """Trains a plan from the weights that runs start from."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def evaluate(self, trial_id: str, spec: TrialSpec, parents: Sequence[Trial], feedback: Feedback) -> Outcome:
        """Train and score; see `Evaluator.evaluate`."""
        began = time.perf_counter()
        start = self.bench.starting_weights(spec.plan, spec.seed, feedback.check)
        return _run_training(self.bench, trial_id, spec, start, feedback, began)


class Recover:
    """Cuts a trained run, or the mean of several, to a plan, then trains on for a few epochs or none."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.cut = Truncate(bench)

    def evaluate(self, trial_id: str, spec: TrialSpec, parents: Sequence[Trial], feedback: Feedback) -> Outcome:
        """Cut, train on and score; see `Evaluator.evaluate`."""
        began = time.perf_counter()
        return _run_training(self.bench, trial_id, spec, self.cut.weights(parents, spec.plan), feedback, began)


def _run_training(
    bench: Bench, trial_id: str, spec: TrialSpec, start: AdapterWeights, feedback: Feedback, began: float
) -> Outcome:
    """Train from some weights, resuming from the trial's checkpoint, and score the best epoch."""
    checkpoint = checkpoint_of(bench.checkpoints, trial_id)
    depth = frozen_depth(bench.model, start)

    def validate() -> float:
        return float(bench.losses(bench.logits_now("valid", depth, feedback.check), "valid").mean())

    trained = train(
        bench.model,
        start,
        bench.rows["train"],
        task=bench.task,
        settings=bench.settings.train,
        schedule=Schedule(spec.learning_rate, spec.epochs, bench.run_seed(spec.seed)),
        validate=validate,
        checkpoint=checkpoint,
        observer=Observer(feedback.check, feedback.step),
        lower=bench.lower("train", depth, feedback.check) if spec.epochs else None,
    )
    curve = tuple(
        CurvePoint(epoch, train_loss, score) for epoch, (train_loss, score) in enumerate(trained.progress.curve, 1)
    )
    logits = bench.logits(trained.weights, "valid", feedback.check)
    weights, logits = _calibrated(bench, trained.weights, logits)
    seconds = trained.progress.seconds + time.perf_counter() - began
    return bench.outcome(logits, seconds=seconds, weights=weights, curve=curve, trace=trained.trace)


def _calibrated(bench: Bench, weights: AdapterWeights, logits: Floats) -> tuple[AdapterWeights, Floats]:
    """Probabilities as certain as validation bears out: the classes' logits over one temperature (arXiv 1706.04599).

    Never below 1: a few validation rows that are all right must not make a model more certain than it was trained.
    """
    classes = len(bench.task.classes)
    if not classes:
        return weights, logits
    temperature = max(1.0, fit_temperature(logits[:, :classes], bench.truth("valid")[0]))
    logits = np.concatenate([logits[:, :classes] / temperature, logits[:, classes:]], axis=1)
    return replace(weights, head=cooled(bench.model, bench.task, weights.head, temperature)), logits
