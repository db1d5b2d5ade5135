"""A frozen linear map plus a low-rank update in one differentiable step, with no more work than it needs."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


class LowRankMap(torch.autograd.Function):
    """`hidden @ weight.T + bias + scale * (hidden @ down.T) @ up.T`, differentiable in hidden, down and up.

    The same values as the plain expression within float tolerance (tests/model/test_low_rank.py). It is faster since
    the update is accumulated in place, forward and backward, and the narrow products run along their fast side
    (docs/engine.md).
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor, scale: float
    ) -> Tensor:
        """Map rows.

        Args:
            ctx: Keeps what backward needs.
            hidden: Shape (..., d_in).
            weight: Frozen, shape (d_out, d_in); in a narrower type, its products are computed in that type.
            bias: Frozen, shape (d_out,), or None.
            down: Shape (r, d_in).
            up: Shape (d_out, r).
            scale: Of the update.
        """
        rows = hidden.reshape(-1, hidden.shape[-1])
        narrow = F.linear(rows, down)
        output = frozen_product(rows, weight, bias)
        output.addmm_(narrow, up.t(), alpha=scale)
        ctx.save_for_backward(rows, weight, down, up, narrow)
        ctx.scale, ctx.shape = scale, hidden.shape
        return output.reshape(*hidden.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, None, None, Tensor, Tensor, None]:
        """Gradients of hidden (if it has one), down and up."""
        rows, weight, down, up, narrow = ctx.saved_tensors
        wide = gradients[0].reshape(-1, gradients[0].shape[-1])
        back = F.linear(wide, up.t().contiguous())
        hidden = None
        if ctx.needs_input_grad[0]:
            hidden = (wide.to(weight.dtype) @ weight).to(wide.dtype)
            hidden = hidden.addmm_(back, down, alpha=ctx.scale).reshape(ctx.shape)
        return hidden, None, None, back.t() @ rows * ctx.scale, (narrow.t() @ wide).t() * ctx.scale, None


def frozen_product(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`rows @ weight.T + bias` in the type of the rows, multiplied in the type of the weight."""
    if weight.dtype == rows.dtype:
        return F.linear(rows, weight, bias)
    output = F.linear(rows.to(weight.dtype), weight).to(rows.dtype)
    return output if bias is None else output.add_(bias)
