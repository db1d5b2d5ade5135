"""Fast dropout and attention: the same distribution, the same gradients, and a stream that can be started anew."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from darse.train.functions import FastFunctions


@pytest.mark.parametrize("p", [0.05, 0.1, 0.25, 0.5])
def test_as_many_values_are_dropped_as_asked_and_the_mean_is_kept(p: float) -> None:
    mask = FastFunctions().mask((1000, 1000), p)
    assert float((mask == 0).float().mean()) == pytest.approx(p, abs=0.002 + 0.001)
    assert float(mask.mean()) == pytest.approx(1, abs=0.005)
    assert set(mask.flatten().tolist()) == {0.0, float(mask.max())}


def test_masks_of_one_stream_differ_and_a_stream_started_anew_repeats_them() -> None:
    functions = FastFunctions()
    functions.restart(7)
    first, second = functions.mask((50, 3), 0.5), functions.mask((50, 3), 0.5)
    assert not torch.equal(first, second)
    functions.restart(7)
    assert torch.equal(functions.mask((50, 3), 0.5), first)
    functions.restart(8)
    assert not torch.equal(functions.mask((50, 3), 0.5), first)


def test_neighbouring_values_are_dropped_independently() -> None:
    dropped = (FastFunctions().mask((400_000,), 0.25) == 0).double()
    for shift in (1, 2, 7, 8, 64):
        pair = torch.stack([dropped[:-shift], dropped[shift:]])
        assert abs(float(torch.corrcoef(pair)[0, 1])) < 0.01


def test_dropout_multiplies_by_the_mask_forward_and_backward() -> None:
    values = torch.randn(40, 60, requires_grad=True)
    functions = FastFunctions()
    functions.restart(3)
    mask = functions.mask(values.shape, 0.1)
    functions.restart(3)
    with functions:
        dropped = F.dropout(values, 0.1)
    assert torch.equal(dropped, values * mask)
    torch.autograd.backward(dropped.sum())
    assert values.grad is not None
    assert torch.equal(values.grad, mask)


@pytest.mark.parametrize(("p", "is_training"), [(0.1, False), (0.0, True), (1.0, True)])
def test_no_dropout_and_all_dropout_are_as_in_torch(p: float, is_training: bool) -> None:
    values = torch.randn(5, 6)
    with FastFunctions():
        found = F.dropout(values, p, is_training)
    assert torch.equal(found, F.dropout(values, p, is_training))


def test_a_rate_too_small_for_a_byte_is_torchs_own() -> None:
    values = torch.ones(1_000_000)
    with FastFunctions():
        dropped = F.dropout(values, 0.001)
    assert 800 < int((dropped == 0).sum()) < 1200


def masks() -> dict[str, Tensor | None]:
    seen = torch.ones(3, 1, 5, 5, dtype=torch.bool)
    seen[1, :, :, 3:] = False
    return {"none": None, "bool": seen, "float": torch.zeros(3, 1, 5, 5).masked_fill(~seen, -1e9)}


@pytest.mark.parametrize("kind", ["none", "bool", "float"])
def test_attention_and_its_gradients_are_those_of_the_plain_expression(kind: str) -> None:
    mask, scale = masks()[kind], 0.3
    functions = FastFunctions()
    functions.restart(5)
    kept = functions.mask((3, 2, 5, 5), 0.1)
    found = []
    for is_fast in (True, False):
        stream = torch.Generator().manual_seed(1)
        query, key, value = (torch.randn(3, 2, 5, 4, generator=stream).requires_grad_() for _ in range(3))
        if is_fast:
            functions.restart(5)
            with functions:
                output = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=0.1, scale=scale)
        else:
            scores = query @ key.transpose(-1, -2) * scale
            if mask is not None:
                scores = scores.masked_fill(~mask, -1e9) if kind == "bool" else scores + mask
            output = (torch.softmax(scores, -1) * kept) @ value
        torch.autograd.backward(output, torch.randn(3, 2, 5, 4, generator=stream))
        found.append((output.detach(), query.grad, key.grad, value.grad))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_attention_of_narrow_values_is_computed_in_float32() -> None:
    query, key, value = (torch.randn(2, 2, 6, 4).bfloat16() for _ in range(3))
    with FastFunctions():
        found = F.scaled_dot_product_attention(query, key, value)
    assert torch.equal(found, F.scaled_dot_product_attention(query.float(), key.float(), value.float()))


def test_a_row_of_padding_that_sees_nothing_gives_numbers() -> None:
    query = torch.randn(1, 1, 3, 4, requires_grad=True)
    with FastFunctions():
        found = F.scaled_dot_product_attention(
            query, query, query, attn_mask=torch.zeros(1, 1, 3, 3, dtype=torch.bool), dropout_p=0.1
        )
    torch.autograd.backward(found.sum())
    assert query.grad is not None
    assert torch.isfinite(found).all()
    assert torch.isfinite(query.grad).all()
