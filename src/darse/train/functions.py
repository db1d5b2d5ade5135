"""Functions of torch the way they are fast on a CPU: dropout from random bytes, attention in float32."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import prod
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

_LEVELS = 256
_COARSE = 4 / _LEVELS
"""Nearer to 0 or 1 a byte is too coarse, and torch's own numbers are taken."""


class FastFunctions(TorchFunctionMode):
    """Inside its `with` block dropout and attention are computed the way that is fast on a CPU.

    Dropout draws random bytes, where torch draws one Bernoulli number after another, a tenth of a training step. A
    value is dropped where its byte is below 256 p, rounded; what is kept is scaled by what the rounding makes of p, so
    that the mean is kept (in bfloat16 up to the rounding of one factor, 0.3 %): p = 0.1 becomes 26 / 256 = 0.1016.
    Attention runs in float32 whatever it is given: in bfloat16 the fused kernels are several times slower.
    """

    def __init__(self) -> None:
        super().__init__()
        self._bytes = np.random.SFC64(0)

    def restart(self, seed: int) -> None:
        """Start the stream anew."""
        self._bytes = np.random.SFC64(seed)

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        """Called for every function of torch."""
        kwargs = kwargs or {}
        if func is F.dropout:
            return self._dropout(func, *args, **kwargs)
        if func is F.scaled_dot_product_attention and args[0].device.type == "cpu":
            return self._attention(*args, **kwargs)
        return func(*args, **kwargs)

    def _dropout(
        self, plain: Callable[..., object], values: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> object:
        if not training or not _COARSE <= p <= 1 - _COARSE or values.device.type != "cpu":
            return plain(values, p, training, inplace)
        return values * self.mask(values.shape, p).to(values.dtype)

    def _attention(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> Tensor:
        wide = query.float(), key.float(), value.float()
        mask = attn_mask if attn_mask is None or attn_mask.dtype == torch.bool else attn_mask.float()
        is_ours = _COARSE <= dropout_p <= 1 - _COARSE and query.ndim == 4 and not (is_causal or enable_gqa)
        if not is_ours:
            return F.scaled_dot_product_attention(*wide, mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa)
        kept = self.mask((*query.shape[:3], key.shape[2]), dropout_p)
        scale = query.shape[-1] ** -0.5 if scale is None else scale
        output: Tensor = _DroppedAttention.apply(*wide, mask, kept, scale)  # type: ignore[no-untyped-call]  # torch's
        return output

    def mask(self, shape: Iterable[int], p: float) -> Tensor:
        """A float32 mask: 0 where a value is dropped, else what makes up for it."""
        shape = tuple(shape)
        dropped = round(p * _LEVELS)
        table = np.full(_LEVELS, _LEVELS / (_LEVELS - dropped), dtype=np.float32)
        table[:dropped] = 0
        count = prod(shape)
        drawn = self._bytes.random_raw(-(-count // 8)).view(np.uint8)[:count]
        return torch.from_numpy(np.take(table, drawn, mode="clip")).view(shape)  # clip: a byte is always in the table


class _DroppedAttention(torch.autograd.Function):
    """Softmax attention with dropout on its probabilities, shapes (batch, heads, tokens, width of a head)."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, kept: Tensor, scale: float
    ) -> Tensor:
        """Attend.

        Args:
            ctx: Keeps what backward needs.
            query: Float32.
            key: Float32.
            value: Float32.
            mask: Added to the scores, or True where a token may be seen; None for no mask.
            kept: Dropout's mask over the probabilities.
            scale: Of the scores.
        """
        scores = torch.matmul(query, key.transpose(-1, -2)).mul_(scale)
        if mask is not None:
            # not minus infinity: a row of padding sees nothing, and its softmax would be no number
            lowest = torch.finfo(scores.dtype).min
            scores = scores.masked_fill_(~mask, lowest) if mask.dtype == torch.bool else scores.add_(mask)
        probabilities = torch.softmax(scores, -1)
        dropped = probabilities * kept
        ctx.save_for_backward(query, key, value, kept, probabilities, dropped)
        ctx.scale = scale
        return torch.matmul(dropped, value)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None, None]:
        """Gradients of query, key and value."""
        query, key, value, kept, probabilities, dropped = ctx.saved_tensors
        gradient = gradients[0]
        back = torch.matmul(gradient, value.transpose(-1, -2)).mul_(kept)
        scores = torch._softmax_backward_data(back, probabilities, -1, torch.float32).mul_(ctx.scale)
        return (
            torch.matmul(scores, key),
            torch.matmul(scores.transpose(-1, -2), query),
            torch.matmul(dropped.transpose(-1, -2), gradient),
            None,
            None,
            None,
        )
