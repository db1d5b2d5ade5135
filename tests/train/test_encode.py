from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import PreTrainedTokenizerBase

from darse.data.example import Example
from darse.model.base import find_base
from darse.train.encode import encode
from darse.train.predict import predict
from tests.model.samples import CLASSES, JOINT, SCORE, examples, new_setup
from tests.tiny import save_model


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> PreTrainedTokenizerBase:
    return find_base(str(save_model("bert", tmp_path_factory.mktemp("encode") / "bert"))).tokenizer


def test_rows_are_cut_and_their_full_lengths_are_kept(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = encode(tokenizer, CLASSES, examples(CLASSES, 40), 16)
    alone = [len(tokenizer(example.text)["input_ids"]) for example in examples(CLASSES, 40)]
    assert rows.full_lengths.tolist() == alone
    assert rows.lengths.tolist() == [min(length, 16) for length in alone]
    assert max(alone) > 16


def test_a_target_comes_first_and_is_told_apart(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = encode(tokenizer, SCORE, [Example(1, "good service", target="company", score=0.3)], 32)
    words = tokenizer.convert_ids_to_tokens(rows.tokens[0].tolist())
    assert words == ["[CLS]", "company", "[SEP]", "good", "service", "[SEP]"]
    assert rows.segments is not None
    assert rows.segments[0].tolist() == [0, 0, 0, 1, 1, 1]


def test_scores_are_standardised_and_missing_parts_are_marked(tokenizer: PreTrainedTokenizerBase) -> None:
    task = replace(JOINT, has_target=False)
    rows = encode(tokenizer, task, [Example(1, "good", label=1, score=-1.0), Example(2, "bad")], 16)
    assert rows.scores.tolist() == [1.0, 0.0]
    assert rows.labels.tolist() == [1, -1]


def test_a_batch_is_padded_on_the_right_to_its_longest_row(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = encode(tokenizer, JOINT, examples(JOINT, 9), 20)
    batch = rows.batch([3, 0, 5])
    width = max(len(rows.tokens[row]) for row in (3, 0, 5))
    assert {value.shape for value in batch.values()} == {(3, width)}
    assert all(value.dtype == torch.int64 for value in batch.values())
    for place, row in enumerate((3, 0, 5)):
        length = len(rows.tokens[row])
        assert batch["input_ids"][place, :length].tolist() == rows.tokens[row].tolist()
        assert batch["attention_mask"][place].tolist() == [1] * length + [0] * (width - length)
        assert (batch["input_ids"][place, length:] == rows.pad).all()


def test_many_rows_are_encoded_as_each_alone(tokenizer: PreTrainedTokenizerBase) -> None:
    many = examples(CLASSES, 1203)
    together = encode(tokenizer, CLASSES, many, 12)
    for row in (0, 7, 999, 1000, 1202):
        alone = encode(tokenizer, CLASSES, [many[row]], 12)
        assert np.array_equal(alone.tokens[0], together.tokens[row])
        assert alone.full_lengths[0] == together.full_lengths[row]


@pytest.mark.parametrize("kind", ["bert", "llama", "gpt2"])
def test_a_text_of_nothing_but_control_characters_is_one_row_like_others(kind: str, tmp_path: Path) -> None:
    setup = new_setup(kind, tmp_path / kind, CLASSES)
    odd = [Example(1, "\u200b\x07", label=0), Example(2, "good bad late", label=1)]
    rows = encode(setup.base.tokenizer, CLASSES, odd, 16)
    assert rows.lengths.min() >= 1
    logits = predict(setup.model, rows)
    assert logits.isfinite().all()
    alone = predict(setup.model, encode(setup.base.tokenizer, CLASSES, odd[:1], 16))
    assert (alone[0] - logits[0]).abs().max() < 1e-5
