from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from darse.errors import PlanError
from darse.model.lora import installed
from darse.model.truncate import mean_of, spectra, spectrum, truncate
from darse.model.weights import AdapterWeights, Pair, scaling
from darse.train.predict import predict

from .samples import ALPHA, CLASSES, Setup, new_setup, random_weights, train_shortly


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Setup:
    return new_setup("bert", tmp_path_factory.mktemp("truncate") / "bert", CLASSES)


def update(pair: Pair) -> torch.Tensor:
    return pair.up.double() @ pair.down.double() * scaling(ALPHA, pair.rank)


@settings(deadline=None, max_examples=40)
@given(
    d_in=st.integers(1, 12),
    d_out=st.integers(1, 12),
    trained=st.integers(1, 8),
    data=st.data(),
    seed=st.integers(0, 2**32),
)
def test_a_cut_is_the_best_approximation_of_its_rank(
    d_in: int, d_out: int, trained: int, data: st.DataObject, seed: int
) -> None:
    stream = torch.Generator().manual_seed(seed)
    pair = Pair(torch.randn(trained, d_in, generator=stream), torch.randn(d_out, trained, generator=stream))
    rank = data.draw(st.integers(1, min(trained, d_in, d_out)))
    left, values, right = torch.linalg.svd(update(pair), full_matrices=False)
    best = left[:, :rank] * values[:rank] @ right[:rank]
    cut = spectrum(pair, ALPHA).cut(rank, ALPHA)
    assert cut.rank == rank
    lost, least = torch.linalg.norm(update(cut) - update(pair)), torch.linalg.norm(best - update(pair))
    assert lost <= least + 1e-5 * values[0]


@settings(deadline=None, max_examples=20)
@given(count=st.integers(1, 4), rank=st.integers(1, 5), seed=st.integers(0, 2**32))
def test_the_mean_of_runs_has_the_mean_update_and_the_mean_head(count: int, rank: int, seed: int) -> None:
    stream = torch.Generator().manual_seed(seed)
    runs = [
        AdapterWeights(
            ALPHA,
            {"w": Pair(torch.randn(rank, 7, generator=stream), torch.randn(9, rank, generator=stream))},
            {"head": torch.randn(3, generator=stream)},
        )
        for _ in range(count)
    ]
    mean = mean_of(runs)
    assert mean.pairs["w"].rank == count * rank
    wanted = torch.stack([update(run.pairs["w"]) for run in runs]).mean(0)
    assert torch.allclose(update(mean.pairs["w"]), wanted, atol=1e-5)
    assert torch.allclose(mean.head["head"], torch.stack([run.head["head"] for run in runs]).mean(0))


def test_a_cut_at_full_rank_changes_no_logit(bert: Setup) -> None:
    ranks = bert.ranks(4, 0, 3, 1)
    weights = train_shortly(bert, bert.fresh(ranks)).weights
    cut = truncate(weights, spectra(weights), ranks)
    assert {name: pair.rank for name, pair in cut.pairs.items()} == dict(ranks)
    assert (bert.logits(cut) - bert.logits(weights)).abs().max() < 1e-5


def test_a_cut_to_zero_is_the_base_with_the_head(bert: Setup) -> None:
    weights = random_weights(bert, bert.ranks(4, 2, 3, 1))
    cut = truncate(weights, spectra(weights), {})
    assert not cut.pairs
    bare = bert.logits(AdapterWeights(ALPHA, {}, weights.head))
    assert torch.equal(bert.logits(cut), bare)
    assert not torch.equal(bert.logits(weights), bare)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 4), min_size=4, max_size=4))
def test_a_cut_to_any_plan_has_its_ranks_and_keeps_the_head(bert: Setup, plan: list[int]) -> None:
    weights = random_weights(bert, bert.ranks(4, 4, 4, 4))
    cut = truncate(weights, spectra(weights), bert.ranks(*plan))
    assert {name: pair.rank for name, pair in cut.pairs.items()} == dict(bert.ranks(*plan))
    assert cut.head == weights.head


def test_a_cut_above_the_trained_rank_is_refused(bert: Setup) -> None:
    weights = random_weights(bert, bert.ranks(2, 0, 2, 2))
    taken_apart = spectra(weights)
    with pytest.raises(PlanError, match="rank 3 cannot be cut from a pair of rank 2; raise --max-rank"):
        truncate(weights, taken_apart, bert.ranks(3, 0, 0, 0))
    with pytest.raises(PlanError, match="has no trained pair to cut to rank 1"):
        truncate(weights, taken_apart, bert.ranks(0, 1, 0, 0))


def test_a_fresh_adapter_cut_to_any_rank_is_still_the_base(bert: Setup) -> None:
    fresh = bert.fresh(bert.ranks(4, 4, 4, 4))
    cut = truncate(fresh, spectra(fresh), bert.ranks(2, 2, 2, 2))
    with installed(bert.model, AdapterWeights(ALPHA, {}, fresh.head)):
        bare = predict(bert.model, bert.rows)
    assert torch.equal(bert.logits(cut), bare)
