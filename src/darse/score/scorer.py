"""The seam between texts and scores, and the scorer that runs an adapter in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from torch import nn
from transformers import PreTrainedTokenizerBase

from darse.data.example import Example, Task
from darse.data.labels import parse_text
from darse.data.row import RowRefused
from darse.errors import InputError
from darse.model.manifest import Manifest, peek_manifest
from darse.model.reload import load_adapter
from darse.names import printable
from darse.packages import shaping_versions
from darse.score.onnx import is_installed, load_onnx
from darse.settings import DataSettings
from darse.train.encode import Encoded, encode, unknown_tokens
from darse.train.predict import predict

MAX_TEXT_CHARACTERS: int = DataSettings().max_text_characters


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


class Scorer(Protocol):
    """Scores texts.

    A text has the same score, up to the order of a sum, whatever else is scored with it.
    """

    @property
    def task(self) -> Task:
        """What is predicted."""

    @property
    def trained_columns(self) -> dict[str, str]:
        """Column of each part in training; empty where that is not known."""

    @property
    def digest(self) -> str:
        """Names the scorer: the same digest means the same scores."""

    def score(
        self, texts: Iterable[str], targets: Iterable[str] | None = None, *, check: Callable[[], None] = lambda: None
    ) -> list[Score]:
        """Score texts, in their order.

        Args:
            texts: A list, array, column or other iterable of texts, none empty, each at most
                `MAX_TEXT_CHARACTERS` long.
            targets: The entity of each text, for an adapter trained with targets.
            check: Called before every batch; it may raise to stop.

        Raises:
            InputError: A text is none, empty or too long, or targets are missing or not asked for.
        """

    def count_tokens(self, texts: Sequence[str], targets: Sequence[str] | None = None) -> list[tuple[int, int]]:
        """Tokens of each text before it is cut, and how many of those that are read the tokenizer does not know.

        Raises:
            InputError: As `score` says.
        """


class Computing(Protocol):
    """What an adapter's rows go through."""

    @property
    def name(self) -> str:
        """What computes, with its version where `shaping_versions` has it not."""

    def logits(self, rows: Encoded, check: Callable[[], None]) -> NDArray[np.float64]:
        """Logits in the user's units, shape (rows, outputs), in the order of the rows."""


@dataclass(frozen=True)
class TorchModel:
    """A classifier that torch runs."""

    model: nn.Module
    name: str = "torch"

    def logits(self, rows: Encoded, check: Callable[[], None]) -> NDArray[np.float64]:
        """See `Computing.logits`."""
        return predict(self.model, rows, check=check).numpy().astype(np.float64)


class AdapterScorer:
    """Scores texts with one adapter, in this process.

    Args:
        manifest: What the adapter's folder says of itself.
        tokenizer: Of the base model.
        computing: What makes logits of tokens.
    """

    def __init__(self, manifest: Manifest, tokenizer: PreTrainedTokenizerBase, computing: Computing) -> None:
        self.manifest, self.tokenizer, self.computing = manifest, tokenizer, computing

    @classmethod
    def open(cls, folder: Path, *, base: str | None = None, trust_remote_code: bool = False) -> AdapterScorer:
        """Load an adapter folder; an `onnx` one is run by ONNX Runtime where that is installed, else by torch.

        Args:
            folder: The folder.
            base: Name or folder of the base model, if it is not where the manifest says.
            trust_remote_code: As in `find_base`.

        Raises:
            AdapterError: The folder is damaged, or its base model is another; see `load_adapter`.
            ModelError: The base model cannot be loaded.
        """
        if peek_manifest(folder).profile == "onnx" and is_installed():
            return cls(*load_onnx(folder, trust_remote_code=trust_remote_code))
        loaded = load_adapter(folder, base=base, trust_remote_code=trust_remote_code)
        return cls(loaded.manifest, loaded.tokenizer, TorchModel(loaded.model))

    @property
    def task(self) -> Task:
        """What the adapter predicts."""
        return self.manifest.task

    @property
    def trained_columns(self) -> dict[str, str]:
        """Column of each part in training; empty for an adapter that does not say so."""
        return self.manifest.columns

    @property
    def digest(self) -> str:
        """The adapter's digest and the versions that shape a score."""
        return f"{self.manifest.digest} {self.computing.name} {shaping_versions()}"

    def score(
        self, texts: Iterable[str], targets: Iterable[str] | None = None, *, check: Callable[[], None] = lambda: None
    ) -> list[Score]:
        """Score texts; see `Scorer.score`."""
        given = _as_list(texts, "text")
        if not given:
            return []
        named = None if targets is None else _as_list(targets, "target")
        logits = self._logits(check_texts(given, named, self.task), check)
        return [self._said(row) for row in logits]

    def count_tokens(self, texts: Sequence[str], targets: Sequence[str] | None = None) -> list[tuple[int, int]]:
        """Tokens and unknown ones of each text; see `Scorer.count_tokens`."""
        if not texts:
            return []
        rows = self._encoded(check_texts(texts, targets, self.task))
        return list(zip(rows.full_lengths.tolist(), unknown_tokens(self.tokenizer, rows), strict=True))

    def _logits(self, examples: Sequence[Example], check: Callable[[], None]) -> NDArray[np.float64]:
        return self.computing.logits(self._encoded(examples), check)

    def _encoded(self, examples: Sequence[Example]) -> Encoded:
        plain = Task(self.task.classes, self.task.has_score, self.task.has_target)
        return encode(self.tokenizer, plain, examples, self.manifest.max_length)

    def _said(self, logits: NDArray[np.float64]) -> Score:
        classes = self.task.classes
        score = float(logits[len(classes)]) if self.task.has_score else None
        if not classes:
            return Score(score)
        probabilities = softmax(logits[: len(classes)])
        table = {name: float(value) for name, value in zip(classes, probabilities, strict=True)}
        return Score(score, classes[int(np.argmax(probabilities))], table)


def check_texts(texts: Sequence[str], targets: Sequence[str] | None, task: Task) -> list[Example]:
    """Texts as examples, every one of which can be scored.

    Raises:
        InputError: As `Scorer.score` says.
    """
    if task.has_target != (targets is not None):
        wanted = "needs a target for each text" if task.has_target else "was trained without targets"
        raise InputError(f"this adapter {wanted}")
    if targets is not None and len(targets) != len(texts):
        raise InputError(f"{len(texts)} texts but {len(targets)} targets")
    for place, text in enumerate(texts, 1):
        if not text.strip() or len(text) > MAX_TEXT_CHARACTERS:
            raise InputError(f"text {place} has {len(text)} characters; 1 to {MAX_TEXT_CHARACTERS} can be scored")
        _check_text(text, place, "text")
    for place, target in enumerate(targets or (), 1):
        _check_text(target, place, "target")
    named = targets if targets is not None else [None] * len(texts)
    return [Example(place, text, target) for place, (text, target) in enumerate(zip(texts, named, strict=True), 1)]


def _as_list(values: Iterable[str], part: str) -> list[str]:
    """A list of what is one text after another; a single text would be one of letters, a table one of its columns."""
    if isinstance(values, str | bytes | Mapping) or hasattr(values, "columns") or not isinstance(values, Iterable):
        raise InputError(f"the {part}s are one {type(values).__name__}; give a list of str, or one column of a table")
    try:
        found: list[object] = list(values)
    except TypeError as error:  # an array without dimensions
        raise InputError(f"the {part}s are no list of str: {error}; give one") from error
    for place, value in enumerate(found, 1):
        if not isinstance(value, str):
            kind = type(value).__name__
            raise InputError(f"{part} {place} is {printable(repr(value))} ({kind}), no str; leave it out or fill it in")
    return [str(value) for value in found]


def _check_text(text: str, place: int, part: str) -> None:
    try:
        parse_text(text, part=part, max_characters=MAX_TEXT_CHARACTERS)
    except RowRefused as refused:
        raise InputError(f"{part} {place}: {refused.reason}; leave it out or mend it") from refused
