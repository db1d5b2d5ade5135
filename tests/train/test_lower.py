"""Lower layers run once: the same logits, the same training, in every architecture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from darse.model.lora import installed
from darse.model.weights import frozen_depth
from darse.ranks.sites import find_layers
from darse.train.lower import Lower, LowerCache, run_lower, set_training
from darse.train.predict import predict
from tests.model.samples import JOINT, Setup, new_setup, random_weights, train_shortly
from tests.tiny import ARCHITECTURES, DEPTH

TOLERANCE = 1e-6
"""Part of the largest value; batches of other shapes add in another order."""


@pytest.fixture(scope="module", params=list(ARCHITECTURES))
def setup(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Setup:
    return new_setup(request.param, tmp_path_factory.mktemp("lower") / request.param, JOINT)


@pytest.fixture
def bert(tmp_path: Path) -> Setup:
    return new_setup("bert", tmp_path / "bert", JOINT)


def lower_of(setup: Setup, depth: int) -> Lower:
    lower = run_lower(setup.model, setup.rows, depth)
    assert lower is not None
    return lower


def gap(first: Tensor, second: Tensor) -> float:
    return float((first - second).abs().max() / first.abs().max())


@pytest.mark.parametrize("depth", range(1, DEPTH + 1))
def test_logits_from_kept_states_are_those_of_the_whole_model(setup: Setup, depth: int) -> None:
    weights = random_weights(setup, setup.ranks(*(0 if layer < depth else 2 for layer in range(DEPTH))))
    lower = lower_of(setup, depth)
    with installed(setup.model, weights):
        assert gap(predict(setup.model, setup.rows), predict(setup.model, setup.rows, lower=lower)) <= TOLERANCE


def test_training_from_kept_states_has_the_losses_of_the_plain_path(setup: Setup) -> None:
    start = setup.fresh(setup.ranks(0, 0, 2, 1))
    lower = lower_of(setup, 2)
    plain = np.array(train_shortly(setup, start, epochs=1).progress.curve)
    resumed = np.array(train_shortly(setup, start, epochs=1, lower=lower).progress.curve)
    assert np.abs(plain - resumed).max() <= TOLERANCE * np.abs(plain).max()


def test_a_model_is_given_back_as_it_came(bert: Setup) -> None:
    before = predict(bert.model, bert.rows)
    predict(bert.model, bert.rows, lower=lower_of(bert, 3))
    assert torch.equal(predict(bert.model, bert.rows), before)
    assert not any("forward" in vars(layer) for layer in find_layers(bert.model)[1])


def test_lower_layers_may_carry_weights_of_their_own(bert: Setup) -> None:
    weights = random_weights(bert, bert.ranks(3, 2, 1, 2))
    with installed(bert.model, weights):
        lower = lower_of(bert, 2)
        plain = predict(bert.model, bert.rows)
    upper = bert.ranks(0, 0, 1, 2)
    above = replace(weights, pairs={name: pair for name, pair in weights.pairs.items() if upper.get(name)})
    with installed(bert.model, above):
        assert gap(plain, predict(bert.model, bert.rows, lower=lower)) <= TOLERANCE


def test_a_model_whose_upper_layers_look_further_down_runs_whole(bert: Setup) -> None:
    layers = find_layers(bert.model)[1]
    seen: list[Tensor] = []
    first = layers[0].register_forward_hook(lambda module, inputs, output: seen.append(output))
    last = layers[3].register_forward_hook(lambda module, inputs, output: output + seen[-1])
    with first, last:
        assert run_lower(bert.model, bert.rows, 2) is None


def test_states_that_are_too_large_are_not_kept(bert: Setup) -> None:
    size = lower_of(bert, 1).bytes
    assert run_lower(bert.model, bert.rows, 1, limit=size) is not None
    assert run_lower(bert.model, bert.rows, 1, limit=size - 1) is None


def test_the_cache_holds_its_limit_and_forgets_what_was_used_least(bert: Setup) -> None:
    lower = lower_of(bert, 1)
    cache = LowerCache(2 * lower.bytes)
    made: list[str] = []

    def get(key: str) -> None:
        def make(limit: int) -> Lower:
            made.append(key)
            return lower

        assert cache.get(key, make) is lower

    for key in ("a", "b", "a", "c", "a", "b"):
        get(key)
    assert made == ["a", "b", "c", "b"]


def test_what_cannot_be_kept_is_not_tried_again() -> None:
    cache = LowerCache(1)
    made: list[int] = []
    for _ in range(3):
        assert cache.get("key", lambda limit: made.append(limit)) is None
    assert made == [1]


@pytest.mark.parametrize(("ranks", "depth"), [((1, 0, 0, 0), 0), ((0, 0, 1, 2), 2), ((0, 0, 0, 0), DEPTH)])
def test_the_lowest_pair_tells_how_many_layers_are_frozen(setup: Setup, ranks: tuple[int, ...], depth: int) -> None:
    assert frozen_depth(setup.model, setup.fresh(setup.ranks(*ranks))) == depth


def dropouts(module: nn.Module) -> Iterator[bool]:
    return (part.training for part in module.modules() if isinstance(part, nn.Dropout))


def test_dropout_is_off_below_the_lowest_pair_and_on_from_there(bert: Setup) -> None:
    set_training(bert.model, 2)
    layers = find_layers(bert.model)[1]
    assert [all(dropouts(layer)) for layer in layers] == [any(dropouts(layer)) for layer in layers]
    assert [layer.training for layer in layers] == [False, False, True, True]
    assert not any(dropouts(bert.model.bert.embeddings))
    assert bert.model.dropout.training
    set_training(bert.model, 0)
    assert all(dropouts(bert.model))
