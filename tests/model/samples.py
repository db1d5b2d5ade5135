"""A tiny model, a task and rows, set up and trained for a few steps."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedModel

from darse.data.example import Example, Task
from darse.model.adapter import Export
from darse.model.base import Base, find_base
from darse.model.head import in_user_units, task_for_head
from darse.model.lora import installed
from darse.model.weights import AdapterWeights, initial_weights
from darse.ranks.plan import RankPlan, Weight, ranks_by_weight
from darse.ranks.sites import find_sites, find_weights
from darse.settings import Precision, TrainSettings
from darse.train.encode import Encoded, encode
from darse.train.loop import Checkpoint, Observer, Schedule, Snapshot, Trained, train
from darse.train.lower import Lower
from darse.train.predict import predict
from tests.tiny import save_model

CLASSES = Task(classes=("negative", "neutral", "positive"))
SCORE = Task(has_score=True, has_target=True, score_mean=0.3, score_sd=2.0)
JOINT = Task(classes=("negative", "positive"), has_score=True, has_target=True, score_mean=-1.5, score_sd=0.5)
ALPHA = 4.0
MAX_LENGTH = 24
_WORDS = (
    *("profit", "loss", "rises", "falls", "sharply", "good", "bad", "poor", "great", "terrible", "service"),
    *("the", "quarter", "company", "late", "excellent"),
)


class NoCheckpoint:
    """Keeps nothing."""

    def load(self) -> Snapshot | None:
        return None

    def save(self, snapshot: Snapshot) -> None:
        del snapshot


@dataclass(frozen=True)
class Setup:
    """A classifier with rows to train it on."""

    base: Base
    model: PreTrainedModel
    task: Task
    weights: tuple[Weight, ...]
    examples: tuple[Example, ...]
    rows: Encoded = field(repr=False)

    def ranks(self, *ranks: int, granularity: str = "layer") -> Mapping[str, int]:
        """Rank by weight of a plan over layers."""
        return ranks_by_weight(RankPlan(ranks), find_sites(self.weights, granularity))

    def fresh(self, ranks: Mapping[str, int], seed: int = 1) -> AdapterWeights:
        return initial_weights(self.model, self.weights, ranks, alpha=ALPHA, seed=seed)

    def logits(self, weights: AdapterWeights) -> Tensor:
        """In the units of training."""
        with installed(self.model, weights):
            return predict(self.model, self.rows)

    def user_logits(self, weights: AdapterWeights) -> Tensor:
        """In the user's units."""
        head = in_user_units(self.model, self.task, weights.head)
        return self.logits(AdapterWeights(weights.alpha, weights.pairs, head))

    def export(self, weights: AdapterWeights) -> Export:
        about: dict[str, object] = {"plan": [1, 2, 3]}
        return Export(self.base, self.model, self.task, weights, self.weights, MAX_LENGTH, about)


def set_up(folder: Path, task: Task, *, rows: int = 12) -> Setup:
    """A classifier of the model in a folder, and rows of different lengths."""
    base = find_base(str(folder))
    model = base.classifier(task)
    task = task_for_head(model, task)
    made = examples(task, rows)
    return Setup(base, model, task, find_weights(model), made, encode(base.tokenizer, task, made, MAX_LENGTH))


def examples(task: Task, count: int, seed: int = 0) -> tuple[Example, ...]:
    """Texts of one to forty words, some longer than `MAX_LENGTH` tokens."""
    chance = random.Random(seed)

    def one(index: int) -> Example:
        text = " ".join(chance.choice(_WORDS) for _ in range(1 + (index * 7) % 40))
        return Example(
            index,
            text,
            target=chance.choice(_WORDS) if task.has_target else None,
            label=chance.randrange(len(task.classes)) if task.classes else None,
            score=chance.gauss(task.score_mean, task.score_sd) if task.has_score else None,
        )

    return tuple(one(index) for index in range(count))


def train_shortly(
    setup: Setup,
    start: AdapterWeights,
    *,
    epochs: int = 2,
    seed: int = 1,
    learning_rate: float = 0.02,
    checkpoint: Checkpoint | None = None,
    observer: Observer | None = None,
    validate: Callable[[], float] | None = None,
    patience: int = 10,
    checkpoint_seconds: float = 0.0,
    lower: Lower | None = None,
    precision: Precision = "float32",
) -> Trained:
    """Train for a few steps in batches of four rows."""
    settings = TrainSettings(
        batch_size=4, patience=patience, checkpoint_seconds=checkpoint_seconds, precision=precision
    )
    return train(
        setup.model,
        start,
        setup.rows,
        task=setup.task,
        settings=settings,
        schedule=Schedule(learning_rate, epochs, seed),
        validate=validate or (lambda: float(predict(setup.model, setup.rows).square().mean())),
        checkpoint=checkpoint or NoCheckpoint(),
        observer=observer or Observer(),
        lower=lower,
    )


def random_weights(setup: Setup, ranks: Mapping[str, int], seed: int = 5) -> AdapterWeights:
    """Weights whose update is not zero, without training."""
    stream = torch.Generator().manual_seed(seed)
    start = setup.fresh(ranks)
    table = start.tensors()
    moved = {name: value + 0.3 * torch.randn(value.shape, generator=stream) for name, value in table.items()}
    return AdapterWeights.from_tensors(moved, start.alpha)


def new_setup(kind: str, folder: Path, task: Task) -> Setup:
    """A tiny model written to a folder, and set up."""
    return set_up(save_model(kind, folder), task)
