"""A data set by name to its rows, split once: every method gets the same train, valid and test."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.compare.scale import SST_ROWS, Scale
from darse.data.example import Example, LabelledData, Task
from darse.data.load import load_labelled
from darse.settings import DataSettings

Rows = list[dict[str, object]]


@dataclass(frozen=True)
class Set:
    """A data set.

    Attributes:
        file: Below the data folder.
        columns: Which column plays which part.
        words: Mean words of a text, for estimates.
        rows: Rows of train, valid and test, for estimates.
        train_cap: Training rows at the most at any scale.
        is_tenfold: Whether it is for cross-validation, without a test split of its own.
        goal: Published accuracy of FinBERT (Araci 2019) on it, ten-fold.
    """

    file: str
    columns: DataSettings
    words: float
    rows: tuple[int, int, int]
    train_cap: int = 1_000_000
    is_tenfold: bool = False
    goal: float = 0.0


_LABEL = DataSettings(text="text", label="label")
SETS: dict[str, Set] = {
    "fiqa": Set(
        "fiqa_headlines/fiqa_headlines.csv",
        DataSettings(text="text", score="score", target="target", split="split"),
        12,
        (319, 60, 119),
    ),
    "uci": Set("uci_sentences/uci_sentences.csv", _LABEL, 12, (2085, 447, 447)),
    "cr": Set("cr/cr.csv", _LABEL, 20, (2635, 565, 565)),
    "phrasebank": Set("financial_phrasebank/sentences_50agree.csv", _LABEL, 23, (3384, 726, 726)),
    "sst_score": Set(
        "sst_score/sst_score.csv",
        DataSettings(text="text", score="score", split="split"),
        19,
        (8531, 1100, 2210),
        train_cap=SST_ROWS,
    ),
    "allagree_10fold": Set(
        "financial_phrasebank/sentences_allagree.csv", _LABEL, 22, (2259, 0, 0), is_tenfold=True, goal=0.97
    ),
    "phrasebank_10fold": Set(
        "financial_phrasebank/sentences_50agree.csv", _LABEL, 23, (4836, 0, 0), is_tenfold=True, goal=0.86
    ),
}


def split_set(data: Path, one: Set, scale: Scale) -> Rows:
    """The rows of a set with a `split` column, train and valid cut to the scale; the same on every machine."""
    whole = load_labelled(data / one.file, one.columns, seed=0)
    caps = {"train": min(scale.train_rows, one.train_cap), "valid": scale.valid_rows}
    rows: Rows = []
    for name in ("train", "valid", "test"):
        examples = thinned(whole.split(name), caps.get(name, len(whole.split(name))))
        rows += [as_row(example, whole.task, name) for example in examples]
    return rows


def all_rows(data: Path, one: Set) -> tuple[Example, ...]:
    """Every row of a set without duplicates, in the order of the file."""
    whole = load_labelled(data / one.file, one.columns, seed=0)
    return tuple(sorted((*whole.train, *whole.valid, *whole.test), key=lambda example: example.line))


def load(rows: Rows, task: Task, *, has_split: bool = True) -> LabelledData:
    """Rows that `as_row` made, loaded as darse loads any source."""
    return load_labelled(rows, columns_of(task, has_split=has_split), seed=0)


def columns_of(task: Task, *, has_split: bool = True) -> DataSettings:
    """The columns of rows that `as_row` made."""
    return DataSettings(
        text="text",
        label="label" if task.classes else None,
        score="score" if task.has_score else None,
        target="target" if task.has_target else None,
        split="split" if has_split else None,
    )


def as_row(example: Example, task: Task, split: str) -> dict[str, object]:
    """An example as a mapping from column to value; without a split if that is empty."""
    row: dict[str, object] = {"text": example.text}
    if split:
        row["split"] = split
    if example.label is not None:
        row["label"] = task.classes[example.label]
    if task.has_score:
        row["score"] = example.score
    if task.has_target:
        row["target"] = example.target
    return row


def thinned(examples: Sequence[Example], count: int) -> tuple[Example, ...]:
    """Some of the examples, chosen by a hash of their texts, in their own order."""
    if count >= len(examples):
        return tuple(examples)
    chosen = {id(example) for example in sorted(examples, key=_place)[:count]}
    return tuple(example for example in examples if id(example) in chosen)


def _place(example: Example) -> bytes:
    return hashlib.blake2b(f"{example.text}\0{example.target}".encode(), digest_size=16).digest()
