"""What an audit says of a pair is what the whole matrix would say."""

from __future__ import annotations

import math

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from darse.model.audit import ModuleAudit, singular_values
from darse.model.weights import Pair


def _module(values: list[float], rank: int | None = None) -> ModuleAudit:
    return ModuleAudit("m.0.q", 0, "q", rank or len(values), 32, 16, tuple(values))


@settings(deadline=None, max_examples=40)
@given(d_in=st.integers(1, 12), d_out=st.integers(1, 12), rank=st.integers(1, 16), seed=st.integers(0, 2**32))
def test_singular_values_are_those_of_the_whole_update(d_in: int, d_out: int, rank: int, seed: int) -> None:
    stream = torch.Generator().manual_seed(seed)
    pair = Pair(torch.randn(rank, d_in, generator=stream), torch.randn(d_out, rank, generator=stream))
    whole = torch.linalg.svdvals(pair.up.double() @ pair.down.double())
    ours = singular_values(pair)
    assert len(ours) == min(rank, d_in, d_out)
    assert np.allclose(ours, whole[: len(ours)], atol=1e-9)


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=20))
def test_effective_rank_lies_between_one_and_the_rank(values: list[float]) -> None:
    found = _module(sorted(values, reverse=True)).effective_rank
    assert 1 - 1e-9 <= found <= len(values) + 1e-9


@given(st.integers(1, 16))
def test_equal_directions_have_the_full_effective_rank(rank: int) -> None:
    assert math.isclose(_module([2.0] * rank).effective_rank, rank)


@given(st.lists(st.floats(0, 1e3), min_size=1, max_size=20), st.floats(0.01, 1))
def test_the_rank_for_a_share_is_the_lowest_that_keeps_it(values: list[float], share: float) -> None:
    one = _module(sorted(values, reverse=True))
    rank = one.rank_for(share)
    kept = [sum(value * value for value in one.values[:count]) for count in range(len(values) + 1)]
    assert kept[rank] >= share * one.energy * (1 - 1e-9)
    assert rank == 0 or kept[rank - 1] < share * one.energy or one.energy == 0


def test_an_update_of_zero_has_no_direction() -> None:
    one = _module([0.0, 0.0])
    assert (one.effective_rank, one.rank_for(0.99), one.frobenius_norm) == (0.0, 0, 0.0)
