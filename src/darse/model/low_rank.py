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
            weight: Frozen, shape (d_out, d_in).
            bias: Frozen, shape (d_out,), or None.
            down: Shape (r, d_in).
            up: Shape (d_out, r).
            scale: Of the update.
        """
        rows = hidden.reshape(-1, hidden.shape[-1])
        narrow = F.linear(rows, down)
        output = F.linear(rows, weight, bias)
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
            hidden = (wide @ weight).addmm_(back, down, alpha=ctx.scale).reshape(ctx.shape)
        return hidden, None, None, back.t() @ rows * ctx.scale, (narrow.t() @ wide).t() * ctx.scale, None


class LowRankTables:
    """A frozen weight and a pair side by side in a type with fewer digits, ready for wide products.

    Attributes:
        forward: `[weight; down]`, shape (d_out + r, d_in).
        backward: `[weight | scale * up]`, shape (d_out, d_in + r).
        bias: The bias and r zeros, shape (d_out + r,), or None.

    Args:
        weight: Frozen, shape (d_out, d_in).
        bias: Frozen, shape (d_out,), or None.
        rank: Of the pair.
        dtype: Of the tables.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, rank: int, dtype: torch.dtype) -> None:
        d_out, d_in = weight.shape
        self.forward = torch.zeros(d_out + rank, d_in, dtype=dtype)
        self.backward = torch.zeros(d_out, d_in + rank, dtype=dtype)
        self.forward[:d_out] = weight
        self.backward[:, :d_in] = weight
        self.bias = None if bias is None else F.pad(bias.detach(), (0, rank)).to(dtype)

    def set_pair(self, down: Tensor, up: Tensor, scale: float) -> None:
        """Write the pair's present values beside the weight."""
        with torch.no_grad():
            self.forward[len(up) :].copy_(down)
            torch.mul(up, scale, out=self.backward[:, down.shape[1] :])


class NarrowLowRankMap(torch.autograd.Function):
    """The same map with its products in a type with fewer digits, the pair's carried along by the frozen weight's.

    `rows @ [weight; down].T` is the frozen product and the pair's first one, `gradient @ [weight | scale * up]` the
    same on the way back: two products fewer, and those the slowest for their size.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, tables: LowRankTables, down: Tensor, up: Tensor, scale: float) -> Tensor:
        """Map rows.

        Args:
            ctx: Keeps what backward needs.
            hidden: Shape (..., d_in), of any floating type.
            tables: The frozen weight with the pair's present values.
            down: Shape (r, d_in); for its gradient.
            up: Shape (d_out, r); for its gradient.
            scale: Of the update.

        Returns:
            Shape (..., d_out), of the tables' type.
        """
        d_out, d_in = len(up), down.shape[1]
        rows = hidden.reshape(-1, d_in).to(tables.forward.dtype)
        both = F.linear(rows, tables.forward, tables.bias)
        narrow = both[:, d_out:]
        output = torch.addmm(both[:, :d_out], narrow, tables.backward[:, d_in:].t())
        ctx.save_for_backward(rows, tables.forward, tables.backward, narrow.contiguous())
        ctx.scale, ctx.shape, ctx.dtype = scale, hidden.shape, hidden.dtype
        return output.view(*hidden.shape[:-1], d_out)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, None, Tensor, Tensor, None]:
        """Gradients of hidden (if it has one), down and up."""
        rows, forward, backward, narrow = ctx.saved_tensors
        d_out, d_in = len(backward), forward.shape[1]
        wide = gradients[0].reshape(-1, d_out).to(backward.dtype)
        hidden = None
        if ctx.needs_input_grad[0]:
            both = wide @ backward
            back = both[:, d_in:].contiguous()
            hidden = torch.addmm(both[:, :d_in], back, forward[d_out:]).to(ctx.dtype).view(ctx.shape)
        else:
            back = wide @ backward[:, d_in:]
        return hidden, None, (back.t() @ rows).float(), (narrow.t() @ wide).t().float() * ctx.scale, None
