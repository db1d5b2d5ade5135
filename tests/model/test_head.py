from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from darse.data.example import Task
from darse.errors import ModelError
from darse.model.base import find_base
from darse.model.head import has_hidden_layers, in_user_units, last_linear, task_for_head
from darse.model.weights import AdapterWeights
from tests.tiny import save_model

from .samples import JOINT, SCORE, new_setup, random_weights


@pytest.mark.parametrize("kind", ["bert", "distilbert", "roberta", "modernbert", "deberta-v2", "llama", "gpt2"])
def test_folded_logits_are_the_standardised_ones_in_the_users_units(kind: str, tmp_path: Path) -> None:
    setup = new_setup(kind, tmp_path / kind, JOINT)
    weights = random_weights(setup, setup.ranks(1, 1, 0, 2))
    standard, user = setup.logits(weights), setup.user_logits(weights)
    assert torch.allclose(user[:, 2], standard[:, 2] * setup.task.score_sd + setup.task.score_mean, atol=1e-5)
    assert torch.equal(user[:, :2], standard[:, :2])


@pytest.mark.parametrize(("kind", "mean"), [("bert", SCORE.score_mean), ("llama", 0.0), ("gpt2", 0.0)])
def test_a_head_without_a_bias_scales_the_score_and_does_not_shift_it(kind: str, mean: float, tmp_path: Path) -> None:
    model = find_base(str(save_model(kind, tmp_path / kind))).classifier(SCORE)
    assert task_for_head(model, SCORE) == replace(SCORE, score_mean=mean)


def test_a_mean_that_the_head_cannot_hold_is_refused_and_not_dropped(tmp_path: Path) -> None:
    setup = new_setup("llama", tmp_path / "llama", SCORE)
    with pytest.raises(ModelError, match=r"score has no bias to hold the scores' mean 0\.3"):
        in_user_units(setup.model, SCORE, setup.fresh({}).head)


def test_folding_leaves_the_trained_values_alone(tmp_path: Path) -> None:
    setup = new_setup("bert", tmp_path / "bert", SCORE)
    weights = setup.fresh({})
    before = {name: value.clone() for name, value in weights.head.items()}
    in_user_units(setup.model, SCORE, weights.head)
    assert all(torch.equal(value, before[name]) for name, value in weights.head.items())
    assert isinstance(weights, AdapterWeights)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (nn.Linear(4, 1), False),
        (nn.Linear(4, 1, bias=False), False),
        (nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 1)), True),
        (nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 1, bias=False)), True),
    ],
)
def test_a_head_has_hidden_layers_if_anything_lies_outside_its_last_map(head: nn.Module, expected: bool) -> None:
    class Model(nn.Module):
        darse_head = ("score",)

    model = Model()
    model.add_module("score", head)
    assert has_hidden_layers(model, SCORE) == expected


def test_a_head_with_other_outputs_is_refused(tmp_path: Path) -> None:
    model = find_base(str(save_model("bert", tmp_path / "bert"))).classifier(SCORE)
    assert last_linear(model, SCORE) == "classifier"
    with pytest.raises(ModelError, match="no linear head with 5 outputs"):
        last_linear(model, Task(classes=("a", "b", "c", "d", "e")))
