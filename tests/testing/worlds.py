"""Data sets and entries whose answers are written down, so that nothing is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from darse.data.example import Task
from darse.files import sha256_of_json
from darse.settings import DataSettings
from darse.testing.cells import Cell, cell_id
from darse.testing.dataset import Dataset, Learned, Wanted, read_dataset
from darse.testing.entry import Answer, Check, Entry, Facts
from darse.testing.quality import Judged, judge_cell

Floats = NDArray[np.float64]
CLASSES = Task(classes=("bad", "good"))
SCORE = Task(has_score=True, score_low=-1.0, score_high=1.0)


def a_dataset(rows: Sequence[Mapping[str, object]], *, part: Wanted | Learned = "auto", **columns: object) -> Dataset:
    """A data set of rows in memory; its columns are guessed unless they are named."""
    return read_dataset(rows, DataSettings.model_validate(columns), part=part)


def classed(count: int, *, seed: int = 0, **more: Sequence[object]) -> Dataset:
    """Rows of two classes, half and half, each with a text of its own."""
    stream = np.random.default_rng(seed)
    labels = stream.permutation([("bad", "good")[place % 2] for place in range(count)])
    rows = [
        {"text": f"row number {at}", "label": str(label), **{name: values[at] for name, values in more.items()}}
        for at, label in enumerate(labels)
    ]
    return a_dataset(rows, text="text", label="label")


def scored(count: int, *, seed: int = 0) -> Dataset:
    """Rows with a score between -1 and 1."""
    stream = np.random.default_rng(seed)
    rows = [
        {"text": f"row number {at}", "score": float(value)} for at, value in enumerate(stream.uniform(-1, 1, count))
    ]
    return a_dataset(rows, text="text", score="score")


def right_but(data: Dataset, wrong: Sequence[int] | NDArray[np.intp]) -> Floats:
    """Answers that are right on every row but some, shape (rows, 2)."""
    truth = np.array([row.label == "good" for row in data.rows])
    said = truth.copy()
    said[np.asarray(wrong, dtype=np.intp)] ^= True
    return np.where(said[:, None], [0.2, 0.8], [0.8, 0.2])


def off_by(data: Dataset, errors: Floats) -> Floats:
    """Scores that miss the truth by some amounts, shape (rows, 1)."""
    return (np.array([row.score for row in data.rows]) + errors)[:, None]


def an_entry(
    name: str, data: Dataset, answers: Floats, *, task: Task = CLASSES, loads: list[str] | None = None, **facts: object
) -> Entry:
    """An entry that answers the texts of a data set as it is written down, and tells when it is loaded."""
    by_text = dict(zip(data.texts, answers, strict=True))
    known = Facts(name, "adapter", sha256_of_json({"name": name, "answers": answers.tolist()}), task, **facts)  # type: ignore[arg-type]  # named fields of the test

    def load() -> Answer:
        if loads is not None:
            loads.append(name)

        def answer(texts: Sequence[str], targets: Sequence[str] | None, check: Check) -> Floats:
            return np.array([by_text[text] for text in texts])

        return answer

    return Entry(known, load)


def judged(
    name: str, data: Dataset, answers: Floats, *, task: Task = CLASSES, ms: float = 1.0, **facts: object
) -> Judged:
    """A cell that needs no store, beside what is true."""
    known = an_entry(name, data, answers, task=task, **facts).facts  # type: ignore[arg-type]  # the same
    return judge_cell(Cell(cell_id(known, data), known, data.digest, answers, ms), data)
