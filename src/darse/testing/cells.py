"""An entry and a data set to a cell: what the one answers on the other, computed once and kept for good."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from darse.data.example import Task
from darse.errors import InputError, StoreError
from darse.evaluate.losses import Floats
from darse.files import sha256_of_json
from darse.names import printable
from darse.store.arrays import put_array, read_array
from darse.store.evaluations import CellRow, Evaluations
from darse.store.protocol import Store
from darse.testing.dataset import Dataset
from darse.testing.entry import Check, Entry, Facts

_CHUNK_ROWS = 512


class CellStore(Store, Protocol):
    """A store that keeps cells beside studies."""

    @property
    def evaluations(self) -> Evaluations:
        """Its cells, baselines and gates."""


@dataclass(frozen=True, eq=False)
class Cell:
    """What one entry answers on one data set.

    Attributes:
        id: SHA-256 over entry and data: the same id means the same answers.
        facts: Of the entry.
        data: SHA-256 over the rows.
        answers: Shape (rows, outputs): the probability of each class, then the score in the user's units.
        ms: Milliseconds of a row when it was computed, in batches, on the machine of that time.
    """

    id: str
    facts: Facts
    data: str
    answers: Floats
    ms: float

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the answers."""
        return self.facts.task.classes

    @property
    def predicted(self) -> NDArray[np.int64]:
        """Place of the most probable class of each row, shape (rows,)."""
        found: NDArray[np.int64] = self.answers[:, : len(self.classes)].argmax(axis=1)
        return found

    @property
    def labels(self) -> list[str]:
        """The most probable class of each row."""
        return [self.classes[place] for place in self.predicted]

    @property
    def scores(self) -> Floats:
        """The score of each row in the user's units, shape (rows,)."""
        scores: Floats = self.answers[:, len(self.classes)]
        return scores


class UnfitError(InputError):
    """An entry cannot answer a data set, and a table says why instead."""


def refuse_unfit(task: Task, data: Dataset, name: str) -> None:
    """See that an entry can be judged on a data set.

    Args:
        task: What the entry predicts.
        data: The data set.
        name: Of the entry, for errors.

    Raises:
        UnfitError: It needs targets that are not there, or the rows have neither a label nor a score that it predicts.
    """
    if task.has_target and data.targets is None:
        raise UnfitError(f"{name} needs a target for each text, which {data.name} has not; name it with --target")
    if data.columns is None:
        return
    known = {row.label for row in data.rows if row.label is not None}
    if task.classes and data.has_label:
        if unknown := sorted(known - set(task.classes)):
            raise UnfitError(
                f"{data.name} has the label {printable(unknown[0])!r}, which {name} does not know "
                f"({', '.join(map(printable, task.classes[:8]))}); map it with a label_map"
            )
        return
    if not (task.has_score and data.has_score):
        wanted = "a label" if task.classes else "a score"
        raise UnfitError(f"{name} predicts {wanted}, which the rows of {data.name} do not have; name its column")


def cell_id(facts: Facts, data: Dataset) -> str:
    """SHA-256 over all that determines a cell."""
    return sha256_of_json({"cell": 1, "entry": facts.digest, "data": data.digest})


def find_cell(store: CellStore, facts: Facts, data: Dataset) -> Cell | None:
    """The cell of an entry and a data set, if it is finished, under the name that the entry has now.

    Raises:
        StoreError: It is there and cannot be read.
    """
    row = store.evaluations.cell(cell_id(facts, data))
    return None if row is None else replace(read_cell(store, row), facts=facts)


def compute_cell(
    store: CellStore,
    entry: Entry,
    data: Dataset,
    *,
    check: Check = lambda: None,
    loaded: Callable[[Entry], object] | None = None,
    clock: Callable[[], float] = time.time,
    timer: Callable[[], float] = time.perf_counter,
) -> Cell:
    """The cell of an entry and a data set: read back if it is finished, else computed and kept.

    Args:
        store: Where finished cells are.
        entry: What answers.
        data: What is asked.
        check: Called often; raises to stop.
        loaded: Told before an entry is loaded, which finished cells never are.
        clock: Seconds since 1970.
        timer: Seconds, from anywhere.

    Raises:
        UnfitError: The entry cannot be judged on the data.
        AdapterError: The adapter or its base model cannot be loaded.
    """
    refuse_unfit(entry.facts.task, data, entry.facts.name)
    if (known := find_cell(store, entry.facts, data)) is not None:
        return known
    if loaded is not None:
        loaded(entry)
    answer = entry.load()
    task = entry.facts.task
    texts, targets = data.texts, data.targets if task.has_target else None
    began, parts = timer(), []
    for start in range(0, len(data), _CHUNK_ROWS):
        check()
        chunk = slice(start, start + _CHUNK_ROWS)
        parts.append(answer(texts[chunk], None if targets is None else targets[chunk], check))
    answers = np.concatenate(parts)
    if answers.shape != (len(data), task.outputs) or not np.isfinite(answers).all():
        raise StoreError(f"{entry.facts.name} gave answers that are no finite numbers; nothing is kept of them")
    cell = Cell(
        cell_id(entry.facts, data), entry.facts, data.digest, answers, 1000 * max(timer() - began, 0.0) / len(data)
    )
    store.evaluations.keep_cell(_row(cell, put_array(store, answers), data, clock()))
    return cell


def read_cell(store: CellStore, row: CellRow) -> Cell:
    """A cell of its row, with the answers.

    Raises:
        StoreError: What the row says is not what a cell says.
        CorruptStoreError: The answers are missing or changed.
    """
    try:
        body = _BODIES.validate_python(row.body)
    except ValidationError as error:
        raise StoreError(f"cell {row.id[:12]} is of another version of darse; evaluate it with that one") from error
    answers = read_array(store, body.artifact)
    if answers.shape != (body.rows, body.facts.task.outputs) or not np.isfinite(answers).all():
        raise StoreError(f"cell {row.id[:12]} does not fit its answers; restore the store from a backup")
    return Cell(row.id, body.facts, row.data, answers, body.ms)


@dataclass(frozen=True)
class _Body:
    artifact: str
    facts: Facts
    dataset: str
    source: str
    rows: int
    ms: float


_BODIES = TypeAdapter(_Body)


def _row(cell: Cell, artifact: str, data: Dataset, now: float) -> CellRow:
    body = asdict(_Body(artifact, cell.facts, data.name, data.source, len(data), cell.ms))
    return CellRow(cell.id, now, cell.facts.digest, data.digest, body)
