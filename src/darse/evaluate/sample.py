"""What an adapter says of a number of texts, as figures without the texts: a sample that others are compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from scipy.special import softmax

from darse.data.example import Task
from darse.evaluate.losses import Floats

Words = NDArray[np.str_]
_COLUMNS = ("label", "score", "confidence", "tokens", "unknown")
_DIGITS = 4
_MAX_ROWS = 1_000_000


@dataclass(frozen=True, eq=False)
class Sample:
    """Figures of some texts, one entry for each; a column without entries is one that the adapter does not give.

    Attributes:
        label: Class that was said.
        score: Score that was said, in the user's units.
        confidence: Probability of the class that was said.
        tokens: Tokens of the text, before it was cut.
        unknown: Part of the tokens that the tokenizer does not know.
    """

    label: Words
    score: Floats
    confidence: Floats
    tokens: Floats
    unknown: Floats

    def __len__(self) -> int:
        """How many texts."""
        return len(self.tokens)

    @classmethod
    def of_logits(cls, logits: Floats, task: Task, tokens: Sequence[int], unknown: Sequence[int]) -> Sample:
        """What logits on standardised scores say.

        Args:
            logits: Shape (rows, outputs).
            task: What is predicted.
            tokens: Of each text.
            unknown: Of its tokens.
        """
        count = len(task.classes)
        chances = softmax(logits[:, :count], axis=1) if count else np.empty((0, 1))
        names = np.asarray(task.classes, dtype=np.str_)
        score = logits[:, count] * task.score_sd + task.score_mean if task.has_score else np.empty(0)
        return cls.of(
            label=names[chances.argmax(axis=1)] if count else [],
            score=score,
            confidence=chances.max(axis=1) if count else [],
            tokens=tokens,
            unknown=np.asarray(unknown) / np.maximum(tokens, 1),
        )

    @classmethod
    def of(
        cls,
        *,
        label: Sequence[str] | Words,
        score: Sequence[float] | Floats,
        confidence: Sequence[float] | Floats,
        tokens: Sequence[float] | Floats,
        unknown: Sequence[float] | Floats,
    ) -> Sample:
        """A sample of any sequences."""
        floats = [np.asarray(one, dtype=np.float64) for one in (score, confidence, tokens, unknown)]
        return cls(np.asarray(label, dtype=np.str_), *floats)

    @classmethod
    def joined(cls, samples: Sequence[Sample]) -> Sample:
        """All texts of several samples, one sample after another."""
        return cls.of(**{name: np.concatenate([getattr(one, name) for one in samples]) for name in _COLUMNS})

    def as_json(self) -> dict[str, object]:
        """Its columns, rounded to what a comparison needs."""
        floats = {name: getattr(self, name) for name in _COLUMNS if name != "label"}
        return {"label": self.label.tolist(), **{name: np.round(one, _DIGITS).tolist() for name, one in floats.items()}}

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> Sample:
        """What `as_json` wrote.

        Raises:
            ValueError: It is something else.
        """
        try:
            read = _Columns.model_validate(values)
        except ValidationError as error:
            raise ValueError("the sample is damaged") from error
        sample = cls.of(**read.model_dump())
        lengths = {len(getattr(sample, name)) for name in _COLUMNS}
        if not lengths <= {0, len(sample)} or not 0 < len(sample) <= _MAX_ROWS:
            raise ValueError("the sample's columns have different lengths")
        return sample


class _Columns(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    label: list[str]
    score: list[float]
    confidence: list[float]
    tokens: list[float]
    unknown: list[float]
