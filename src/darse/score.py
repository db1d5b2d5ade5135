"""An adapter and texts to scores: one scorer for single texts, for files and for what comes later."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from darse.data.columns import SAMPLE_ROWS, choose_text
from darse.data.example import Columns, Example, Task
from darse.data.labels import parse_text
from darse.data.read import read_columns, read_rows
from darse.data.row import Cell, Row, RowRefused, Unusable
from darse.data.source import naming
from darse.data.write import Value, write_rows
from darse.errors import DataError, InputError
from darse.model.reload import LoadedAdapter, load_adapter
from darse.settings import DataSettings
from darse.train.encode import encode
from darse.train.predict import predict

CHUNK_ROWS = 2048
"""Rows in memory at once: enough to sort by length, few enough to be forgotten."""
MAX_TEXT_CHARACTERS = 100_000


@dataclass(frozen=True, slots=True)
class Score:
    """What an adapter says of one text.

    Attributes:
        score: In the units of the training scores, or None for classes alone.
        label: The most probable class, or None for a score alone.
        probabilities: By class; empty for a score alone.
    """

    score: float | None = None
    label: str | None = None
    probabilities: Mapping[str, float] = field(default_factory=dict)


class Scorer:
    """Scores texts with one adapter.

    Args:
        adapter: A loaded adapter.
    """

    def __init__(self, adapter: LoadedAdapter) -> None:
        self.adapter = adapter

    @classmethod
    def open(cls, folder: Path, *, base: str | None = None, trust_remote_code: bool = False) -> Scorer:
        """Load an adapter folder; see `load_adapter`."""
        return cls(load_adapter(folder, base=base, trust_remote_code=trust_remote_code))

    @property
    def task(self) -> Task:
        """What the adapter predicts."""
        return self.adapter.task

    def score(
        self, texts: Sequence[str], targets: Sequence[str] | None = None, *, check: Callable[[], None] = lambda: None
    ) -> list[Score]:
        """Score texts, in their order.

        Args:
            texts: Not empty, each at most `MAX_TEXT_CHARACTERS` long.
            targets: The entity of each text, for an adapter trained with targets.
            check: Called before every batch; it may raise to stop.

        Raises:
            InputError: A text is empty or too long, or targets are missing or not asked for.
        """
        if not texts:
            return []
        logits = self._logits(_examples(texts, targets, self.task), check)
        return [self._said(row) for row in logits]

    def _logits(self, examples: Sequence[Example], check: Callable[[], None]) -> NDArray[np.float64]:
        plain = Task(self.task.classes, self.task.has_score, self.task.has_target)
        rows = encode(self.adapter.tokenizer, plain, examples, self.adapter.max_length)
        logits = predict(self.adapter.model, rows, check=check).numpy().astype(np.float64)
        return logits.reshape(len(examples), -1)

    def _said(self, logits: NDArray[np.float64]) -> Score:
        classes = self.task.classes
        score = float(logits[len(classes)]) if self.task.has_score else None
        if not classes:
            return Score(score)
        probabilities = softmax(logits[: len(classes)])
        table = {name: float(value) for name, value in zip(classes, probabilities, strict=True)}
        return Score(score, classes[int(np.argmax(probabilities))], table)


@dataclass(frozen=True, slots=True)
class FileScored:
    """What came of a file.

    Attributes:
        rows: Rows scored and written.
        rejected: Rows that could not be scored; they are in the side file.
        rejects: The side file, or None if there are no rejects.
    """

    rows: int
    rejected: int
    rejects: Path | None


def score_file(
    scorer: Scorer,
    source: Path,
    out: Path,
    *,
    text: str | None = None,
    target: str | None = None,
    chosen: Callable[[Columns], None] = lambda columns: None,
    progress: Callable[[int], None] = lambda rows: None,
    check: Callable[[], None] = lambda: None,
) -> FileScored:
    """Score every row of a file in constant memory; order and other columns are kept.

    JSON Lines are read twice, since only the last row tells the last column.

    Args:
        scorer: The scorer.
        source: CSV, TSV, JSON Lines or Parquet.
        out: The result, in any of these formats.
        text: Column of the text; guessed as `darse explore` does.
        target: Column of the target, for an adapter trained with targets; guessed alike.
        chosen: Told the columns in use before the first row is scored.
        progress: Told the rows done, now and then.
        check: Called before every batch; it may raise to stop.

    Raises:
        DataError: A file cannot be read or a column is missing.
        StoreError: The result cannot be written.
    """
    side = out.with_name(f"{out.stem}.rejects.jsonl")
    if source.resolve() in {out.resolve(), side.resolve()}:
        raise DataError("the result would overwrite the source; give another -o", path=out)
    if target is not None and not scorer.task.has_target:
        raise InputError("this adapter was trained without targets; drop --target")
    names = read_columns(source)
    with closing(read_rows(source)) as rows:
        sample = list(islice(rows, SAMPLE_ROWS))
        wanted = DataSettings(text=text, target=target)
        with naming(source):
            columns = choose_text(names, sample, wanted, has_target=scorer.task.has_target)
        chosen(columns)
        added = _added_columns(scorer.task, names)
        rejects: list[dict[str, Value]] = []
        job = _Job(scorer, columns, added, rejects, progress, check)
        count = write_rows(out, [*names, *added.values()], job.run(chain(sample, rows)))
    if rejects:
        write_rows(side, ["line", "reason"], rejects)
    else:
        side.unlink(missing_ok=True)  # of an earlier run
    return FileScored(count, len(rejects), side if rejects else None)


@dataclass(frozen=True)
class _Job:
    scorer: Scorer
    columns: Columns
    added: Mapping[str, str]
    rejects: list[dict[str, Value]]
    progress: Callable[[int], None]
    check: Callable[[], None]

    def run(self, rows: Iterator[Row]) -> Iterator[dict[str, Value]]:
        done = 0
        while chunk := list(islice(rows, CHUNK_ROWS)):
            usable = list(self._usable(chunk))
            texts = [entry[1] for entry in usable]
            targets = [entry[2] for entry in usable] if self.columns.target is not None else None
            scores = self.scorer.score(texts, targets, check=self.check)
            for (row, _, _), said in zip(usable, scores, strict=True):
                yield {name: _plain(value) for name, value in row.cells.items()} | self._fields(said)
            done += len(chunk)
            self.progress(done)

    def _usable(self, chunk: Iterable[Row]) -> Iterator[tuple[Row, str, str]]:
        for row in chunk:
            try:
                if row.problem is not None:
                    raise RowRefused(row.problem)
                text = self._text(row, self.columns.text, "text")
                target = "" if self.columns.target is None else self._text(row, self.columns.target, "target")
                yield row, text, target
            except RowRefused as refused:
                self.rejects.append({"line": row.line, "reason": refused.reason})

    def _text(self, row: Row, column: str, part: str) -> str:
        return parse_text(row.cells.get(column), part=part, max_characters=MAX_TEXT_CHARACTERS)

    def _fields(self, said: Score) -> dict[str, Value]:
        values: dict[str, Value] = {"score": said.score, "label": said.label}
        values |= {f"probability {name}": value for name, value in said.probabilities.items()}
        return {self.added[name]: value for name, value in values.items() if name in self.added}


def _examples(texts: Sequence[str], targets: Sequence[str] | None, task: Task) -> list[Example]:
    if task.has_target != (targets is not None):
        wanted = "needs a target for each text" if task.has_target else "was trained without targets"
        raise InputError(f"this adapter {wanted}")
    if targets is not None and len(targets) != len(texts):
        raise InputError(f"{len(texts)} texts but {len(targets)} targets")
    for place, text in enumerate(texts):
        if not text.strip() or len(text) > MAX_TEXT_CHARACTERS:
            raise InputError(f"text {place + 1} has {len(text)} characters; 1 to {MAX_TEXT_CHARACTERS} can be scored")
    named = targets if targets is not None else [None] * len(texts)
    return [Example(place, text, target) for place, (text, target) in enumerate(zip(texts, named, strict=True), 1)]


def _added_columns(task: Task, columns: Sequence[str]) -> dict[str, str]:
    """Names of the columns that are added; `predicted_` goes before a name that is taken."""
    wanted = [*(["score"] if task.has_score else []), *(["label"] if task.classes else [])]
    wanted += [f"probability {name}" for name in task.classes]
    return {name: _free(name, columns) for name in wanted}


def _free(name: str, taken: Sequence[str]) -> str:
    while name in taken:
        name = f"predicted_{name}"
    return name


def _plain(value: Cell) -> Value:
    return None if isinstance(value, Unusable) else value
