"""The fused low-rank map against the plain expression: seconds of forward and backward, side by side.

python benchmarks/low_rank.py
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from darse.model.low_rank import LowRankMap

SHAPES = [(384, 384, 8), (384, 1536, 8), (1536, 384, 8), (384, 384, 2), (768, 768, 8), (768, 3072, 8)]
ROWS, REPEATS, PAIRS = 320, 20, 9

Map = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor, float], Tensor]


def main() -> None:
    """Print one line per shape: milliseconds of each, median ratio of pairs, largest relative difference."""
    print("d_in d_out rank | plain ms | fused ms | ratio (median of pairs) | largest relative difference")
    for d_in, d_out, rank in SHAPES:
        stream = torch.Generator().manual_seed(0)
        values = [
            torch.randn(shape, generator=stream)
            for shape in ((ROWS, d_in), (d_out, d_in), (d_out,), (rank, d_in), (d_out, rank), (ROWS, d_out))
        ]
        plain_out, fused_out = once(plain, values), once(fused, values)
        gap = max(float((a - b).abs().max() / a.abs().max()) for a, b in zip(plain_out, fused_out, strict=True))
        pairs = [(seconds(plain, values), seconds(fused, values)) for _ in range(PAIRS)]
        first, second = (float(np.median(column)) * 1e3 for column in zip(*pairs, strict=True))
        ratio = float(np.median([a / b for a, b in pairs]))
        print(f"{d_in:>4} {d_out:>5} {rank:>4} | {first:8.2f} | {second:8.2f} | {ratio:8.2f} | {gap:.1e}")


def plain(hidden: Tensor, weight: Tensor, bias: Tensor, down: Tensor, up: Tensor, scale: float) -> Tensor:
    """The expression as one would write it."""
    return F.linear(hidden, weight, bias) + F.linear(F.linear(hidden, down), up * scale)


def fused(hidden: Tensor, weight: Tensor, bias: Tensor, down: Tensor, up: Tensor, scale: float) -> Tensor:
    """The product's own map."""
    output: Tensor = LowRankMap.apply(  # type: ignore[no-untyped-call]  # torch leaves it untyped
        hidden, weight, bias, down, up, scale
    )
    return output


def once(function: Map, values: list[Tensor]) -> list[Tensor]:
    """Output and gradients of hidden, down and up."""
    hidden, weight, bias, down, up, gradient = (value.clone() for value in values)
    for leaf in (hidden, down, up):
        leaf.requires_grad_(True)
    output = function(hidden, weight, bias, down, up, 0.5)
    torch.autograd.backward(output, gradient)
    return [output.detach(), *(leaf.grad for leaf in (hidden, down, up) if leaf.grad is not None)]


def seconds(function: Map, values: list[Tensor]) -> float:
    """Mean seconds of one forward and backward."""
    once(function, values)
    began = time.perf_counter()
    for _ in range(REPEATS):
        once(function, values)
    return (time.perf_counter() - began) / REPEATS


if __name__ == "__main__":
    main()
