"""Weights, rows and a seed to trained weights: one adapter's training, resumable to the bit."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darse.data.example import Task
from darse.errors import Interrupted, TrialError
from darse.model.lora import Installed, installed
from darse.model.precision import dtype_of
from darse.model.weights import AdapterWeights, Pair, frozen_depth, scaling
from darse.seeds import derive_seed
from darse.settings import TrainSettings
from darse.train.batches import training_batches
from darse.train.encode import Encoded
from darse.train.lower import Forward, Lower, set_training
from darse.train.trace import Trace, TracePoint, Tracer

_KEPT = ("now", "best")
_OPTIMIZER_STATE = ("step", "exp_avg", "exp_avg_sq")


@dataclass(frozen=True)
class Progress:
    """Where a training run stands; everything that a resumed run needs beside its tensors.

    Attributes:
        epoch: Epoch, from 0.
        step: Batches done in this epoch.
        loss_sum: Sum over this epoch's rows of the training loss so far.
        best_score: Best validation score so far; infinity before the first.
        best_epoch: Epochs finished when it was reached.
        curve: (training loss, validation score) of every finished epoch.
        gradients: Sums over this epoch's steps of the norm of each pair's gradient; empty before the first.
        trace: What the pairs did in every finished epoch.
        seconds: Spent on the run by earlier processes; wall time, so no part of what makes two runs the same.
    """

    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    best_score: float = math.inf
    best_epoch: int = 0
    curve: tuple[tuple[float, float], ...] = ()
    gradients: tuple[float, ...] = ()
    trace: tuple[TracePoint, ...] = ()
    seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class Snapshot:
    """A training run at one moment: progress and every tensor that shapes its future."""

    progress: Progress
    tensors: dict[str, Tensor]


class Checkpoint(Protocol):
    """Keeps the last snapshot of one run."""

    def load(self) -> Snapshot | None:
        """The last snapshot, or None at the start."""

    def save(self, snapshot: Snapshot) -> None:
        """Replace the last snapshot, durably."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast a run learns, and by which luck.

    Attributes:
        learning_rate: The peak.
        epochs: Passes over the rows at the most.
        seed: Of the run's random streams.
    """

    learning_rate: float
    epochs: int
    seed: int


@dataclass(frozen=True)
class Observer:
    """What a run tells and asks while it goes on.

    Attributes:
        check: Called before every batch; raises to stop the run.
        step: Called after every batch with epoch, batch and batches per epoch.
    """

    check: Callable[[], None] = lambda: None
    step: Callable[[int, int, int], None] = lambda epoch, step, steps: None


@dataclass(frozen=True)
class Trained:
    """Result of a run: the weights of its best epoch and how it went."""

    weights: AdapterWeights
    progress: Progress

    @property
    def trace(self) -> Trace:
        """What each pair did, epoch by epoch."""
        pairs = dict(sorted(self.weights.pairs.items()))
        return Trace(tuple(pairs), tuple(pair.rank for pair in pairs.values()), self.progress.trace)


def train(
    model: nn.Module,
    start: AdapterWeights,
    rows: Encoded,
    *,
    task: Task,
    settings: TrainSettings,
    schedule: Schedule,
    validate: Callable[[], float],
    checkpoint: Checkpoint,
    observer: Observer,
    lower: Lower | None = None,
) -> Trained:
    """Train an adapter and keep its best epoch by validation score.

    AdamW, linear warm-up then linear decay over all epochs, gradient clipping, early stopping with patience. Data
    order derives from (seed, epoch) alone and a layer's dropout from (seed, epoch, batch, layer), so a run that was
    killed continues to the bit, and plans of one seed share what is random. Below the lowest pair there is no dropout.

    Args:
        model: The frozen classifier; it is given back as it came.
        start: Weights to start from.
        rows: Training rows.
        task: What is predicted.
        settings: How to train.
        schedule: How long and how fast.
        validate: The validation score of the model as it is now, lower is better.
        checkpoint: Where to resume from and save to.
        observer: Whom to tell and to ask.
        lower: What the layers below the lowest pair make of the rows; None runs every layer.

    Raises:
        TrialError: The loss is no longer finite.
    """
    with installed(model, start, dtype_of(settings)) as present:
        forward, depth = Forward(model, rows, lower), frozen_depth(model, start)
        scales = {name: scaling(start.alpha, pair.rank) for name, pair in start.pairs.items()}
        run = _Run(present, forward, scales, depth=depth, task=task, settings=settings, schedule=schedule)
        run.resume(checkpoint.load())
        run.go(validate, checkpoint, observer)
        return Trained(AdapterWeights.from_tensors(run.best, start.alpha), run.progress)


class _Run:
    """The moving parts of one run."""

    def __init__(
        self,
        present: Installed,
        forward: Forward,
        scales: Mapping[str, float],
        *,
        depth: int,
        task: Task,
        settings: TrainSettings,
        schedule: Schedule,
    ) -> None:
        self.forward, self.depth, self.task, self.settings = forward, depth, task, settings
        self.model, self.rows = forward.model, forward.rows
        self.lengths = self.rows.lengths
        self.schedule = schedule
        self.parameters = present.parameters()
        self.tracer = Tracer(self._pairs, scales)
        self.optimizer = torch.optim.AdamW(
            self._groups(), lr=schedule.learning_rate, weight_decay=settings.weight_decay, fused=True
        )
        self.progress = Progress()
        self.best = {name: value.detach().clone() for name, value in self.parameters.items()}
        self.steps = math.ceil(len(self.rows) / settings.batch_size)
        self.began = self.saved = time.monotonic()

    def _groups(self) -> list[dict[str, object]]:
        """Two groups and not one per tensor: the fused optimizer then updates many tensors in one call."""
        ratio = self.settings.head_learning_rate_ratio
        head = [value for name, value in self.parameters.items() if name.startswith("head:")]
        pairs = [value for name, value in self.parameters.items() if not name.startswith("head:")]
        return [{"params": part, "ratio": own} for part, own in ((head, ratio), (pairs, 1.0)) if part]

    def _pairs(self) -> dict[str, Pair]:
        names = [name.removeprefix("down:") for name in self.parameters if name.startswith("down:")]
        return {name: Pair(self.parameters[f"down:{name}"], self.parameters[f"up:{name}"]) for name in names}

    def go(self, validate: Callable[[], float], checkpoint: Checkpoint, observer: Observer) -> None:
        try:
            while self.progress.epoch < self.schedule.epochs and not self._is_stale():
                self._epoch(checkpoint, observer)
                self._finish_epoch(validate())
        except Interrupted:
            checkpoint.save(self.snapshot())
            raise

    def _epoch(self, checkpoint: Checkpoint, observer: Observer) -> None:
        epoch = self.progress.epoch
        batches = training_batches(
            self.lengths, batch_size=self.settings.batch_size, seed=self.schedule.seed, epoch=epoch
        )
        set_training(self.model, self.depth)
        for batch in batches[self.progress.step :]:
            observer.check()
            self._step(batch.tolist())
            observer.step(epoch, self.progress.step, self.steps)
            if time.monotonic() - self.saved >= self.settings.checkpoint_seconds:
                checkpoint.save(self.snapshot())
                self.saved = time.monotonic()

    def _step(self, rows: list[int]) -> None:
        progress = self.progress
        rate = self.schedule.learning_rate * self._part_of_rate(progress.epoch * self.steps + progress.step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["ratio"]
        with torch.random.fork_rng(devices=[]), self._layers_seeded():
            self._restart(derive_seed(self.schedule.seed, "dropout", progress.epoch, progress.step))
            logits = self.forward(rows)
            loss = training_loss(logits, self.rows.labels[rows], self.rows.scores[rows], self.task)
            torch.autograd.backward(loss)
        value = loss.item()
        if not math.isfinite(value):
            raise TrialError(
                f"the training loss became {value} in epoch {progress.epoch + 1} at learning rate "
                f"{self.schedule.learning_rate:g}; a lower learning rate is needed"
            )
        torch.nn.utils.clip_grad_norm_(self.parameters.values(), self.settings.max_gradient_norm)
        gradients = self.tracer.step(progress.gradients)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        loss_sum = progress.loss_sum + value * len(rows)
        self.progress = replace(progress, step=progress.step + 1, loss_sum=loss_sum, gradients=gradients)

    @contextmanager
    def _layers_seeded(self) -> Iterator[None]:
        """Each layer draws from a stream of its own: the same for every plan, whatever ran below it."""
        progress = self.progress

        def seed(layer: int) -> Callable[[nn.Module, object], None]:
            own = derive_seed(self.schedule.seed, "dropout", progress.epoch, progress.step, layer)

            def hook(module: nn.Module, inputs: object) -> None:
                self._restart(own)

            return hook

        layers = self.forward.layers
        handles = [layers[place].register_forward_pre_hook(seed(place)) for place in range(self.depth, len(layers))]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _restart(self, seed: int) -> None:
        torch.default_generator.manual_seed(seed)
        self.forward.functions.restart(seed)

    def _part_of_rate(self, step: int) -> float:
        total = self.steps * self.schedule.epochs
        warmup = max(1, round(total * self.settings.warmup_fraction))
        return (step + 1) / warmup if step < warmup else max(0.0, (total - step) / max(1, total - warmup))

    def _finish_epoch(self, score: float) -> None:
        progress = self.progress
        if not math.isfinite(score):
            raise TrialError(f"the validation score became {score} in epoch {progress.epoch + 1}")
        curve = (*progress.curve, (progress.loss_sum / len(self.rows), score))
        point = self.tracer.point(progress.epoch + 1, progress.gradients, progress.step)
        progress = replace(progress, epoch=progress.epoch + 1, step=0, loss_sum=0.0, curve=curve)
        progress = replace(progress, gradients=(), trace=(*progress.trace, point))
        if score < progress.best_score:
            progress = replace(progress, best_score=score, best_epoch=progress.epoch)
            self.best = {name: value.detach().clone() for name, value in self.parameters.items()}
        self.progress = progress

    def _is_stale(self) -> bool:
        return self.progress.epoch - self.progress.best_epoch >= self.settings.patience and self.progress.epoch > 0

    def snapshot(self) -> Snapshot:
        tensors = {f"now:{name}": value.detach().clone() for name, value in self.parameters.items()}
        tensors |= {f"best:{name}": value for name, value in self.best.items()}
        for name, value in self.parameters.items():
            state = self.optimizer.state[value]
            tensors |= {f"{key}:{name}": tensor.clone() for key, tensor in state.items()}
        spent = self.progress.seconds + time.monotonic() - self.began
        return Snapshot(replace(self.progress, seconds=spent), tensors)

    def resume(self, snapshot: Snapshot | None) -> None:
        if snapshot is None or not self._fits(snapshot):
            return
        self.progress = snapshot.progress
        with torch.no_grad():
            for name, value in self.parameters.items():
                value.copy_(snapshot.tensors[f"now:{name}"])
                self.best[name] = snapshot.tensors[f"best:{name}"]
                self.optimizer.state[value] = {
                    key: snapshot.tensors[f"{key}:{name}"].clone()
                    for key in _OPTIMIZER_STATE
                    if f"{key}:{name}" in snapshot.tensors
                }

    def _fits(self, snapshot: Snapshot) -> bool:
        """Whether a snapshot is of this very run; one of another counts as none."""
        has_moved = (snapshot.progress.epoch, snapshot.progress.step) != (0, 0)
        moments = _OPTIMIZER_STATE[1:] if has_moved else ()
        wanted = {f"{key}:{name}": value.shape for name, value in self.parameters.items() for key in _KEPT + moments}
        found = {key: value.shape for key, value in snapshot.tensors.items() if not key.startswith("step:")}
        return (
            wanted == found and snapshot.progress.epoch <= self.schedule.epochs and snapshot.progress.step <= self.steps
        )


def training_loss(logits: Tensor, labels: Tensor, scores: Tensor, task: Task) -> Tensor:
    """Cross-entropy over classes plus squared error of the standardised score, mean over rows."""
    classes = len(task.classes)
    loss = logits.new_zeros(())
    if classes:
        loss = loss + F.cross_entropy(logits[:, :classes], labels)
    if task.has_score:
        loss = loss + F.mse_loss(logits[:, classes], scores.to(logits.dtype))
    return loss
