"""Examples to token tensors, once for all trials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from darse.data.example import Example, Task

_CHUNK = 1000


@dataclass(frozen=True)
class Encoded:
    """Tokens and labels of one split.

    Attributes:
        tokens: Token ids of each row, unpadded.
        segments: Token type ids of each row where the tokenizer makes them, else None.
        labels: Class index per row, shape (rows,); -1 without classes.
        scores: Standardised score per row, float64, shape (rows,); 0 without a score.
        full_lengths: Tokens of each row before it was cut, shape (rows,).
        pad: Token id to pad with.
    """

    tokens: tuple[NDArray[np.int32], ...]
    segments: tuple[NDArray[np.int32], ...] | None
    labels: Tensor
    scores: Tensor
    full_lengths: NDArray[np.int32]
    pad: int

    def __len__(self) -> int:
        """How many rows."""
        return len(self.tokens)

    @cached_property
    def lengths(self) -> NDArray[np.int32]:
        """Tokens of each row, shape (rows,)."""
        return np.fromiter(map(len, self.tokens), dtype=np.int32, count=len(self.tokens))

    def at(self, places: NDArray[np.intp]) -> Encoded:
        """Some of the rows."""
        kept = torch.from_numpy(places)
        return replace(
            self,
            tokens=tuple(self.tokens[place] for place in places),
            segments=None if self.segments is None else tuple(self.segments[place] for place in places),
            labels=self.labels[kept],
            scores=self.scores[kept],
            full_lengths=self.full_lengths[places],
        )

    def batch(self, rows: Sequence[int]) -> dict[str, Tensor]:
        """Inputs of some rows for the model, padded on the right to the longest of them."""
        width = max(len(self.tokens[row]) for row in rows)
        ids = np.full((len(rows), width), self.pad, dtype=np.int64)
        mask = np.zeros((len(rows), width), dtype=np.int64)
        segments = None if self.segments is None else np.zeros((len(rows), width), dtype=np.int64)
        for place, row in enumerate(rows):
            length = len(self.tokens[row])
            ids[place, :length] = self.tokens[row]
            mask[place, :length] = 1
            if segments is not None and self.segments is not None:
                segments[place, :length] = self.segments[row]
        inputs = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
        if segments is not None:
            inputs["token_type_ids"] = torch.from_numpy(segments)
        return inputs


def encode(tokenizer: PreTrainedTokenizerBase, task: Task, examples: Sequence[Example], max_length: int) -> Encoded:
    """Tokenise examples; a target makes a text pair (target first is what the model is asked about, text second).

    Args:
        tokenizer: The base model's tokenizer.
        task: What is predicted; its mean and standard deviation standardise the scores.
        examples: The rows.
        max_length: Tokens kept per row.
    """
    pad = tokenizer.pad_token_id
    assert isinstance(pad, int)
    tokens: list[NDArray[np.int32]] = []
    segments: list[NDArray[np.int32]] = []
    full: list[int] = []
    for inputs, lengths in _tokenised(tokenizer, task, examples, max_length):
        # a text of nothing but control characters can have no token at all; it is read as one pad token
        tokens += [np.asarray(row or [pad], dtype=np.int32) for row in inputs["input_ids"]]
        segments += [np.asarray(row or [0], dtype=np.int32) for row in inputs.get("token_type_ids", [])]
        full += lengths
    labels = [-1 if example.label is None else example.label for example in examples]
    scores = [
        0.0 if example.score is None else (example.score - task.score_mean) / task.score_sd for example in examples
    ]
    return Encoded(
        tuple(tokens),
        tuple(segments) if segments else None,
        torch.tensor(labels, dtype=torch.int64),
        torch.tensor(scores, dtype=torch.float64),
        np.asarray(full, dtype=np.int32),
        pad,
    )


def unknown_tokens(tokenizer: PreTrainedTokenizerBase, rows: Encoded) -> list[int]:
    """How many tokens of each row stand for what the tokenizer does not know; 0 where it knows every byte."""
    unknown = tokenizer.unk_token_id
    # a decoder's tokenizer may call its end token unknown
    if unknown is None or unknown in {tokenizer.eos_token_id, tokenizer.bos_token_id, rows.pad}:
        return [0] * len(rows)
    return [int(np.count_nonzero(row == unknown)) for row in rows.tokens]


def _tokenised(
    tokenizer: PreTrainedTokenizerBase, task: Task, examples: Sequence[Example], max_length: int
) -> Iterator[tuple[dict[str, list[list[int]]], list[int]]]:
    verbose = {"verbose": False}  # no remark on rows longer than the model: they are cut, counted and reported
    for start in range(0, len(examples), _CHUNK):
        chunk = examples[start : start + _CHUNK]
        texts = [example.text for example in chunk]
        pair = ([example.target or "" for example in chunk], texts) if task.has_target else (texts,)
        inputs = tokenizer(*pair, **verbose)
        lengths = [len(row) for row in inputs["input_ids"]]
        if max(lengths) > max_length:
            inputs = tokenizer(*pair, truncation=True, max_length=max_length, **verbose)
        yield dict(inputs), lengths
