from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from darse.model.low_rank import LowRankMap

sizes = st.integers(1, 9)


def values(*shape: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    stream = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=stream, dtype=dtype)


def plain(hidden: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor, scale: float) -> Tensor:
    return F.linear(hidden, weight, bias) + scale * F.linear(F.linear(hidden, down), up)


def fast(hidden: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor, scale: float) -> Tensor:
    output: Tensor = LowRankMap.apply(  # type: ignore[no-untyped-call]  # torch leaves it untyped
        hidden, weight, bias, down, up, scale
    )
    return output


@settings(deadline=None, max_examples=60)
@given(
    shape=st.lists(sizes, min_size=1, max_size=3), d_out=sizes, rank=sizes, has_bias=st.booleans(), flip=st.booleans()
)
def test_the_map_and_its_gradients_are_those_of_the_plain_expression(
    shape: list[int], d_out: int, rank: int, has_bias: bool, flip: bool
) -> None:
    d_in = shape[-1]
    weight = values(d_in, d_out, seed=1).t() if flip else values(d_out, d_in, seed=1)
    bias = values(d_out, seed=2) if has_bias else None
    trained = [values(*shape, seed=3), values(rank, d_in, seed=4), values(d_out, rank, seed=5)]
    direction = values(*shape[:-1], d_out, seed=6)
    found = []
    for function in (plain, fast):
        hidden, down, up = (value.clone().requires_grad_() for value in trained)
        output = function(hidden, weight, bias, down, up, 0.7)
        torch.autograd.backward(output, direction)
        found.append((output.detach(), hidden.grad, down.grad, up.grad))
    for one, other in zip(*found, strict=True):
        assert one is not None
        assert other is not None
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_the_gradients_are_those_of_finite_differences() -> None:
    hidden, down, up = (values(*shape, seed=i).requires_grad_() for i, shape in enumerate([(2, 3, 4), (2, 4), (5, 2)]))
    weight, bias = values(5, 4, seed=8), values(5, seed=9)
    assert torch.autograd.gradcheck(lambda states, a, b: fast(states, weight, bias, a, b, 1.3), (hidden, down, up))


@pytest.mark.parametrize("has_bias", [True, False])
def test_a_pair_without_an_update_gives_the_base_to_the_bit_at_real_widths(has_bias: bool) -> None:
    hidden, weight = (values(*shape, seed=1, dtype=torch.float32) for shape in ((16, 22, 384), (1536, 384)))
    bias = values(1536, seed=2, dtype=torch.float32) if has_bias else None
    for rank in (1, 4, 16):
        down, up = values(rank, 384, seed=3, dtype=torch.float32), torch.zeros(1536, rank)
        assert torch.equal(fast(hidden, weight, bias, down, up, 2.0), F.linear(hidden, weight, bias))


def test_hidden_states_that_need_no_gradient_get_none() -> None:
    hidden, weight = values(3, 4, seed=0), values(5, 4, seed=1)
    down, up = values(2, 4, seed=2).requires_grad_(), values(5, 2, seed=3).requires_grad_()
    torch.autograd.backward(fast(hidden, weight, None, down, up, 1.0).sum())
    assert hidden.grad is None
    assert down.grad is not None
