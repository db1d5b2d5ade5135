from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from darse.model.adapter import merged
from darse.model.lora import LowRankLinear, installed
from darse.model.weights import AdapterWeights
from darse.train.predict import predict

from .samples import ALPHA, CLASSES, Setup, new_setup, random_weights, train_shortly

plans = st.lists(st.integers(0, 5), min_size=4, max_size=4)


@pytest.fixture(scope="module", params=["bert", "gpt2", "llama"])
def setup(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Setup:
    return new_setup(request.param, tmp_path_factory.mktemp("lora") / request.param, CLASSES)


def body(setup: Setup) -> dict[str, torch.Tensor]:
    """A copy of every value outside the head."""
    head = setup.model.darse_head
    assert isinstance(head, tuple)
    return {k: v.clone() for k, v in setup.model.state_dict().items() if not k.startswith(head)}


@settings(deadline=None, max_examples=20)
@given(plans)
def test_installing_merging_and_training_leave_every_bit_of_the_base(setup: Setup, plan: list[int]) -> None:
    before, names = body(setup), [name for name, _ in setup.model.named_modules()]
    weights = random_weights(setup, setup.ranks(*plan))
    with installed(setup.model, weights):
        pass
    with merged(setup.model, weights):
        pass
    assert [name for name, _ in setup.model.named_modules()] == names
    assert all(torch.equal(value, before[name]) for name, value in body(setup).items())


def test_training_leaves_every_bit_of_the_base_and_only_trains_pairs_and_head(setup: Setup) -> None:
    before = body(setup)
    start = setup.fresh(setup.ranks(2, 0, 1, 3))
    with installed(setup.model, start) as present:
        trainable = {id(value) for value in present.parameters().values()}
        assert {id(value) for value in setup.model.parameters() if value.requires_grad} == trainable
    train_shortly(setup, start)
    assert not any(value.requires_grad for value in setup.model.parameters())
    assert all(value.grad is None for value in setup.model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in body(setup).items())


@settings(deadline=None, max_examples=20)
@given(plans)
def test_merged_weights_give_the_logits_of_installed_ones(setup: Setup, plan: list[int]) -> None:
    weights = random_weights(setup, setup.ranks(*plan))
    expected = setup.logits(weights)
    with installed(setup.model, AdapterWeights(ALPHA, {}, weights.head)), merged(setup.model, weights):
        assert (predict(setup.model, setup.rows) - expected).abs().max() < 1e-4


@settings(deadline=None, max_examples=20)
@given(plans)
def test_a_fresh_adapter_of_any_plan_is_the_base_to_the_bit(setup: Setup, plan: list[int]) -> None:
    bare = setup.logits(setup.fresh({}))
    assert torch.equal(setup.logits(setup.fresh(setup.ranks(*plan))), bare)


def test_the_update_is_the_scaled_product_of_the_pair(setup: Setup) -> None:
    weights = random_weights(setup, setup.ranks(4, 0, 0, 0))
    name, pair = next(iter(weights.pairs.items()))
    layer = LowRankLinear(setup.model.get_submodule(name), pair, ALPHA)
    hidden = torch.randn(2, 3, pair.down.shape[1], generator=torch.Generator().manual_seed(0))
    expected = layer.base(hidden) + (ALPHA / 2) * hidden @ pair.down.T @ pair.up.T
    assert torch.allclose(layer(hidden), expected, atol=1e-6)


def test_parameters_are_those_put_in_and_a_copy(setup: Setup) -> None:
    weights = random_weights(setup, setup.ranks(2, 1, 0, 3))
    before = {name: value.clone() for name, value in weights.tensors().items()}
    with installed(setup.model, weights) as present:
        assert present.parameters().keys() == before.keys()
        assert all(torch.equal(value, before[name]) for name, value in present.parameters().items())
        for value in present.parameters().values():
            value.data.zero_()
    assert all(torch.equal(value, before[name]) for name, value in weights.tensors().items())


def test_a_model_is_given_back_when_the_block_raises(setup: Setup) -> None:
    before = body(setup)
    with pytest.raises(RuntimeError, match="anything"), installed(setup.model, setup.fresh(setup.ranks(1, 1, 1, 1))):
        raise RuntimeError("anything")
    assert not any(isinstance(module, LowRankLinear) for module in setup.model.modules())
    assert body(setup).keys() == before.keys()
