"""A model and a learning rate to the model at its best epoch: one training run with the Trainer of transformers."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset
from transformers import (
    DataCollatorWithPadding,
    PreTrainedTokenizerBase,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from benchmarks.compare.results import Floats
from benchmarks.compare.scale import Scale
from darse.data.example import Task
from darse.errors import TrialError
from darse.evaluate.losses import search_losses
from darse.model.loading import quiet
from darse.train.batches import evaluation_batches
from darse.train.encode import Encoded


class Rows(Dataset[dict[str, object]]):
    """Encoded rows as the Trainer takes them."""

    def __init__(self, rows: Encoded, task: Task) -> None:
        self.rows, self.task = rows, task

    def __len__(self) -> int:
        """How many rows."""
        return len(self.rows)

    def __getitem__(self, row: int) -> dict[str, object]:
        """One row."""
        tokens = self.rows.tokens[row].tolist()
        truth = float(self.rows.scores[row]) if self.task.has_score else int(self.rows.labels[row])
        found: dict[str, object] = {"input_ids": tokens, "attention_mask": [1] * len(tokens), "labels": truth}
        if self.rows.segments is not None:
            found["token_type_ids"] = self.rows.segments[row].tolist()
        return found


def plain_arguments(
    folder: str, *, batch_size: int, learning_rate: float, seed: int, **options: object
) -> TrainingArguments:
    """Arguments of a Trainer on the CPU that groups rows by length, tells nobody and keeps nothing; one epoch."""
    return TrainingArguments(
        output_dir=folder,
        per_device_train_batch_size=batch_size,
        learning_rate=learning_rate,
        train_sampling_strategy="group_by_length",
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        seed=seed,
        **{"num_train_epochs": 1, **options},
    )


class BestEpoch(TrainerCallback):  # type: ignore[misc]  # transformers is untyped here
    """Keeps the trained values of the best epoch by our search loss on validation, as our engine does.

    Args:
        rows: Validation rows.
        task: What is predicted.
        from_epoch: The first epoch, from 1, that counts.
    """

    def __init__(self, rows: Encoded, task: Task, from_epoch: int = 1) -> None:
        self.rows, self.task, self.from_epoch = rows, task, from_epoch
        self.score = math.inf
        self.values: Mapping[str, Tensor] = {}

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **more: object
    ) -> None:
        """Score the epoch."""
        model = more["model"]
        assert isinstance(model, nn.Module)
        if round(state.epoch) < self.from_epoch:
            return
        labels, scores = self.rows.labels.numpy(), self.rows.scores.numpy()
        score = float(search_losses(logits_of(model, self.rows), labels, scores, self.task).mean())
        if score < self.score:
            self.score = score
            self.values = {
                name: value.detach().clone() for name, value in model.named_parameters() if value.requires_grad
            }


def train(
    model: nn.Module,
    rows: Mapping[str, Encoded],
    *,
    task: Task,
    tokenizer: PreTrainedTokenizerBase,
    scale: Scale,
    learning_rate: float,
    seed: int,
    warmup: float = 0.0,
    from_epoch: int = 1,
    callbacks: Sequence[TrainerCallback] = (),
) -> float:
    """Train in place, put the best epoch back, and return its validation score.

    Args:
        model: What is trained: a model, or one that PEFT has wrapped.
        rows: Encoded train and valid.
        task: What is predicted.
        tokenizer: Pads.
        scale: Epochs and batch size.
        learning_rate: Peak; linear decay, weight decay 0.01, gradients clipped at 1, as in our engine.
        warmup: Part of the steps in which it rises.
        seed: Of order and dropout.
        from_epoch: The first epoch, from 1, that may be kept.
        callbacks: What else happens while it trains.

    Raises:
        TrialError: No epoch has a finite validation score.
    """
    best = BestEpoch(rows["valid"], task, from_epoch)
    with tempfile.TemporaryDirectory() as folder, quiet():
        arguments = plain_arguments(
            folder,
            batch_size=scale.batch_size,
            learning_rate=learning_rate,
            seed=seed,
            num_train_epochs=scale.epochs,
            weight_decay=0.01,
            warmup_steps=warmup,
        )
        trainer = Trainer(
            model,
            arguments,
            train_dataset=Rows(rows["train"], task),
            data_collator=DataCollatorWithPadding(tokenizer),
            callbacks=[*callbacks, best],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    if not best.values:
        raise TrialError(f"no epoch at learning rate {learning_rate:g} has a finite validation score")
    with torch.no_grad():
        for name, value in model.named_parameters():
            if name in best.values:
                value.copy_(best.values[name])
    return best.score


def logits_of(model: nn.Module, rows: Encoded) -> Floats:
    """Logits of every row, shape (rows, outputs), in the order of the rows."""
    was_training = model.training
    model.eval()
    found: dict[int, Tensor] = {}
    with torch.inference_mode():
        for batch in evaluation_batches(rows.lengths):
            found |= dict(zip(batch.tolist(), model(**rows.batch(batch.tolist())).logits.float(), strict=True))
    model.train(was_training)
    logits: Floats = torch.stack([found[row] for row in range(len(rows))]).double().numpy()
    return logits
