from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from darse.model.low_rank import LowRankMap, LowRankTables, NarrowLowRankMap

Map = Callable[[Tensor, Tensor, Tensor | None, Tensor, Tensor, float], Tensor]
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


def tabled(hidden: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor, scale: float) -> Tensor:
    tables = LowRankTables(weight, bias, len(down), torch.float64)
    tables.set_pair(down, up, scale)
    output: Tensor = NarrowLowRankMap.apply(hidden, tables, down, up, scale)  # type: ignore[no-untyped-call]
    return output


# with tables the pair's gradients are float32
@pytest.mark.parametrize(("tested", "tolerance"), [(fast, 1e-12), (tabled, 1e-6)])
@settings(deadline=None, max_examples=60)
@given(
    shape=st.lists(sizes, min_size=1, max_size=3), d_out=sizes, rank=sizes, has_bias=st.booleans(), flip=st.booleans()
)
def test_the_map_and_its_gradients_are_those_of_the_plain_expression(
    tested: Map, tolerance: float, shape: list[int], d_out: int, rank: int, has_bias: bool, flip: bool
) -> None:
    d_in = shape[-1]
    weight = values(d_in, d_out, seed=1).t() if flip else values(d_out, d_in, seed=1)
    bias = values(d_out, seed=2) if has_bias else None
    trained = [values(*shape, seed=3), values(rank, d_in, seed=4), values(d_out, rank, seed=5)]
    direction = values(*shape[:-1], d_out, seed=6)
    found = []
    for function in (plain, tested):
        hidden, down, up = (value.clone().requires_grad_() for value in trained)
        output = function(hidden, weight, bias, down, up, 0.7)
        torch.autograd.backward(output, direction)
        found.append((output.detach(), hidden.grad, down.grad, up.grad))
    for one, other in zip(*found, strict=True):
        assert one is not None
        assert other is not None
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


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


def test_an_update_far_smaller_than_the_weight_is_not_rounded_away() -> None:
    hidden, weight, down = values(64, 32, seed=0).float(), values(32, 32, seed=1).float(), values(1, 32, seed=2).float()
    up = values(32, 1, seed=3).float() * 1e-4
    tables = LowRankTables(weight, None, 1, torch.bfloat16)
    _, down_gradient, up_gradient = (value.clone().requires_grad_() for value in (hidden, down, up))
    tables.set_pair(down, up, 1.0)
    output = NarrowLowRankMap.apply(hidden, tables, down_gradient, up_gradient, 1.0)  # type: ignore[no-untyped-call]
    direction = values(64, 32, seed=4).float()
    torch.autograd.backward(output, direction.to(output.dtype))
    expected = direction.t() @ (hidden @ down.t())
    assert up_gradient.grad is not None
    assert (up_gradient.grad - expected).norm() <= 0.02 * expected.norm()


def test_tables_follow_every_step_of_the_optimizer() -> None:
    hidden, weight = values(6, 4, seed=0), values(5, 4, seed=1)
    down, up = values(2, 4, seed=2).requires_grad_(), values(5, 2, seed=3).requires_grad_()
    tables, optimizer = LowRankTables(weight, None, 2, torch.float64), torch.optim.AdamW([down, up], lr=0.1, fused=True)
    for _ in range(3):
        tables.set_pair(down, up, 0.5)
        output = NarrowLowRankMap.apply(hidden, tables, down, up, 0.5)  # type: ignore[no-untyped-call]
        torch.testing.assert_close(output, plain(hidden, weight, None, down, up, 0.5))
        torch.autograd.backward(output.square().sum())
        optimizer.step()
