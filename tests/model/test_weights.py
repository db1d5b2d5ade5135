from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save as save_safetensors

from darse.errors import AdapterError
from darse.model.weights import AdapterWeights, Pair, scaling
from darse.ranks.plan import RankPlan, Site, Weight, cost

from ..tiny import save_model
from .samples import CLASSES, JOINT, Setup, new_setup, set_up

sizes = st.integers(1, 6)
names = st.text("abcxyz0123456789._-:é", min_size=1, max_size=20)


@st.composite
def some_weights(draw: st.DrawFn) -> AdapterWeights:
    """Any pairs and any head, with values from a seed."""
    stream = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    pairs = {
        name: Pair(torch.randn(rank, d_in, generator=stream), torch.randn(d_out, rank, generator=stream))
        for name, (rank, d_in, d_out) in draw(
            st.dictionaries(names, st.tuples(sizes, sizes, sizes), max_size=4)
        ).items()
    }
    head = {name: torch.randn(3, generator=stream) for name in draw(st.sets(names, max_size=3))}
    return AdapterWeights(draw(st.floats(0.1, 64)), pairs, head)


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Setup:
    return new_setup("bert", tmp_path_factory.mktemp("weights") / "bert", CLASSES)


@settings(deadline=None, max_examples=40)
@given(some_weights())
def test_loading_what_was_saved_gives_the_same_values(weights: AdapterWeights) -> None:
    content = weights.to_bytes()
    loaded = AdapterWeights.from_bytes(content)
    assert loaded.alpha == weights.alpha
    assert loaded.to_bytes() == content
    assert loaded.pairs.keys() == weights.pairs.keys()
    assert loaded.head.keys() == weights.head.keys()
    assert all(torch.equal(value, loaded.tensors()[name]) for name, value in weights.tensors().items())


@settings(deadline=None, max_examples=40)
@given(st.binary(max_size=200))
def test_any_other_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(AdapterError, match="stored weights"):
        AdapterWeights.from_bytes(content + b"x")


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}, {"alpha": "four"}])
def test_weights_without_their_scaling_are_refused(metadata: dict[str, str] | None) -> None:
    with pytest.raises(AdapterError, match="stored weights cannot be read"):
        AdapterWeights.from_bytes(save_safetensors({"head:w": torch.ones(2)}, metadata=metadata))


@pytest.mark.parametrize(
    "table",
    [
        {"down:q": torch.ones(2, 4)},
        {"up:q": torch.ones(4, 2)},
        {"down:q": torch.ones(2, 4), "up:p": torch.ones(4, 2)},
        {"down:q": torch.ones(2, 4), "up:q": torch.ones(4, 3)},
        {"down:q": torch.ones(2), "up:q": torch.ones(4, 2)},
        {"other:q": torch.ones(2)},
        {"q": torch.ones(2)},
    ],
)
def test_half_a_pair_or_an_unknown_value_is_refused(table: dict[str, torch.Tensor]) -> None:
    with pytest.raises(AdapterError, match="stored weights hold"):
        AdapterWeights.from_bytes(save_safetensors(table, metadata={"alpha": "1.0"}))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(sizes, sizes), min_size=1, max_size=5), st.data())
def test_the_cost_of_a_plan_is_the_number_of_values_in_its_pairs(
    shapes: list[tuple[int, int]], data: st.DataObject
) -> None:
    sites = [Site(f"layer {i}", (Weight(f"l.{i}.q", d_in, d_out, i),)) for i, (d_in, d_out) in enumerate(shapes)]
    plan = RankPlan.of(data.draw(st.integers(0, site.max_rank)) for site in sites)
    pairs = [
        Pair(torch.zeros(rank, site.weights[0].d_in), torch.zeros(site.weights[0].d_out, rank))
        for rank, site in zip(plan, sites, strict=True)
        if rank
    ]
    assert cost(plan, sites) == sum(pair.down.numel() + pair.up.numel() for pair in pairs)


@settings(deadline=None, max_examples=40)
@given(low=st.integers(1, 8), high=st.integers(1, 8), seed=st.integers(0, 2**40))
def test_two_plans_of_one_seed_share_their_first_rows_and_their_head(
    bert: Setup, low: int, high: int, seed: int
) -> None:
    low, high = sorted((low, high))
    small = bert.fresh(bert.ranks(low, 0, low, 1), seed)
    large = bert.fresh(bert.ranks(high, 3, high, high), seed)
    for name, pair in small.pairs.items():
        assert torch.equal(pair.down, large.pairs[name].down[: pair.rank])
        assert not pair.up.any()
    assert all(torch.equal(value, large.head[name]) for name, value in small.head.items())
    assert not any(".layer.1." in name for name in small.pairs)


def test_another_seed_gives_another_draw(bert: Setup) -> None:
    first, second = (bert.fresh(bert.ranks(2, 2, 2, 2), seed) for seed in (1, 2))
    assert not any(torch.equal(pair.down, second.pairs[name].down) for name, pair in first.pairs.items())
    assert not torch.equal(first.head["classifier.weight"], second.head["classifier.weight"])


def test_no_two_modules_share_a_draw(bert: Setup) -> None:
    downs = [tuple(pair.down.flatten()[:4].tolist()) for pair in bert.fresh(bert.ranks(1, 1, 1, 1)).pairs.values()]
    assert len(set(downs)) == len(downs)


def test_fresh_pairs_are_drawn_as_peft_draws_them(bert: Setup) -> None:
    for name, pair in bert.fresh(bert.ranks(8, 8, 8, 8)).pairs.items():
        width = next(weight.d_in for weight in bert.weights if weight.name == name)
        assert pair.down.abs().max() <= width**-0.5
        assert 0.4 < float(pair.down.std() * width**0.5) < 0.75  # a uniform draw has 1 / sqrt(3)


def test_a_fresh_head_has_zero_biases_and_a_deep_head_is_set_whole(tmp_path: Path) -> None:
    setup = new_setup("modernbert", tmp_path / "modernbert", JOINT)
    head = setup.fresh({}).head
    whole = {name for name, _ in setup.model.named_parameters() if name.startswith(("head.", "classifier."))}
    assert head.keys() == whole
    assert not head["classifier.bias"].any()
    assert torch.equal(head["head.norm.weight"], torch.ones(16))


def test_the_part_of_a_head_that_came_with_the_model_is_kept(tmp_path: Path) -> None:
    folder = save_model("modernbert", tmp_path / "modernbert")
    masked = transformers.AutoModelForMaskedLM.from_config(transformers.AutoConfig.from_pretrained(folder))
    masked.save_pretrained(folder)
    setup = set_up(folder, JOINT)
    for seed in (1, 2):
        head = setup.fresh({}, seed).head
        assert torch.equal(head["head.dense.weight"], masked.head.dense.weight)
        assert not torch.equal(head["classifier.weight"], setup.fresh({}, seed + 1).head["classifier.weight"])


@settings(deadline=None, max_examples=40)
@given(st.floats(0.1, 100), st.integers(1, 512))
def test_the_scaling_is_rank_stabilised(alpha: float, rank: int) -> None:
    assert scaling(alpha, rank) ** 2 * rank == pytest.approx(alpha**2)
