"""A classifier and rows to a classifier whose layers multiply in eight bits: scales chosen from what the layers see.

Activations of transformers have a few channels far larger than the rest, and one scale for all then leaves the others
few steps. Each channel is therefore divided before the product and its weights are multiplied by the same (SmoothQuant,
arXiv 2211.10438), as strongly as gives the least error in each map's own output; the mean of what is still lost goes
into the bias. The scales are fixed, not found anew in each batch, so that a text has the same score whatever it is
scored with.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.ao.quantization.fx import _decomposed  # noqa: F401 - registers `quantized_decomposed`
from transformers import PreTrainedModel

from darse.model.lora import bias_of, weight_of
from darse.ranks.sites import find_weights
from darse.seeds import torch_stream
from darse.train.batches import evaluation_batches
from darse.train.encode import Encoded

_STRENGTHS = (0.0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Of the smoothing: 0 leaves the channels as they are, 1 makes them all equally large."""
_SAMPLED = 1024
"""Tokens by which a map's error is judged."""
_LEVELS = 255
_TOP = 127
_TINY = 1e-4

_Hook = Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor | None]
"""Sees what has come into a map and out of it; what it returns takes the latter's place."""


@dataclass(frozen=True)
class Seen:
    """What came into a linear map.

    Attributes:
        low: Least value of each channel, shape (d_in,).
        high: Largest value of each channel, shape (d_in,).
        sample: Some tokens, shape (tokens, d_in).
    """

    low: Tensor
    high: Tensor
    sample: Tensor

    def joined(self, values: Tensor) -> Seen:
        """With further tokens."""
        missing = max(0, _SAMPLED - len(self.sample))
        sample = torch.cat([self.sample, values[:missing]]) if missing else self.sample
        return Seen(torch.minimum(self.low, values.amin(0)), torch.maximum(self.high, values.amax(0)), sample)


class EightBitMap(nn.Module):
    """A linear map whose product is taken in eight bits, in operators that ONNX Runtime joins to one.

    Attributes:
        error: Error of its output on the sampled tokens, as a part of that output (root of mean squares), once its mean
            is in the bias.
    """

    weight: Tensor
    scale: Tensor
    zero: Tensor
    divided: Tensor
    bias: Tensor

    def __init__(self, base: nn.Module, seen: Seen, strength: float) -> None:
        super().__init__()
        weight, bias = weight_of(base).detach(), bias_of(base)
        width = torch.maximum(seen.high, -seen.low).clamp(min=_TINY)
        widest = weight.abs().amax(0).clamp(min=_TINY)
        smooth = width**strength / widest ** (1 - strength) if strength else torch.ones_like(width)
        smooth = smooth / smooth.log().mean().exp()
        low = min(float((seen.low / smooth).min()), 0.0)
        high = max(float((seen.high / smooth).max()), _TINY)
        self.step = (high - low) / _LEVELS
        self.offset = round(-low / self.step)
        smoothed = weight * smooth
        scale = smoothed.abs().amax(1).clamp(min=_TINY / _TOP) / _TOP
        self.register_buffer("weight", (smoothed / scale[:, None]).round().to(torch.int8).t().contiguous())
        self.register_buffer("scale", scale)
        self.register_buffer("zero", torch.zeros(len(scale), dtype=torch.int64))
        self.register_buffer("divided", 1 / smooth)
        self.register_buffer("bias", torch.zeros(len(scale)))
        exact = seen.sample @ weight.T
        lost = exact - self(seen.sample)
        self.error = float((lost.var(0).mean() / exact.square().mean()).sqrt())
        self.bias = lost.mean(0) if bias is None else bias.detach() + lost.mean(0)

    def forward(self, hidden: Tensor) -> Tensor:
        """The map of hidden states, shape (..., d_in)."""
        operators, kind = torch.ops.quantized_decomposed, torch.uint8
        hidden = hidden * self.divided
        steps = operators.quantize_per_tensor(hidden, self.step, self.offset, 0, _LEVELS, kind)
        hidden = operators.dequantize_per_tensor(steps, self.step, self.offset, 0, _LEVELS, kind)
        weight = operators.dequantize_per_channel(self.weight, self.scale, self.zero, 1, -_TOP - 1, _TOP, torch.int8)
        product: Tensor = hidden @ weight
        return product + self.bias


def quantised(
    model: PreTrainedModel, rows: Encoded, *, check: Callable[[], None] = lambda: None
) -> dict[str, EightBitMap]:
    """The linear maps of a model's layers in eight bits, by name: first those that save most for what they change.

    What a map saves is as much as it has weights, what it changes is the effect of its error on the outputs.

    Args:
        model: In evaluation mode; it stays as it is.
        rows: Rows that look like what will be scored.
        check: Called before every batch; it may raise to stop.
    """
    seen = _watch(model, rows, check)
    found = {}
    with torch.no_grad():
        for name, values in seen.items():
            module = model.get_submodule(name)
            found[name] = min(
                (EightBitMap(module, values, strength) for strength in _STRENGTHS), key=lambda one: one.error
            )
    effects = _effects(model, found, rows, check)
    return dict(sorted(found.items(), key=lambda entry: effects[entry[0]] / entry[1].weight.numel()))


def with_maps(model: PreTrainedModel, maps: Mapping[str, nn.Module]) -> PreTrainedModel:
    """A copy of a model with other linear maps; all else is shared."""
    shared = {id(value): value for value in (*model.parameters(), *model.buffers())}
    changed = copy.deepcopy(model, shared)
    for name, module in maps.items():
        parent, _, leaf = name.rpartition(".")
        setattr(changed.get_submodule(parent), leaf, module)
    return changed


def _watch(model: PreTrainedModel, rows: Encoded, check: Callable[[], None]) -> dict[str, Seen]:
    seen: dict[str, Seen] = {}

    def keep(name: str) -> _Hook:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            values = inputs[0].detach().reshape(-1, inputs[0].shape[-1])
            none = Seen(values[0], values[0], values[:0])
            seen[name] = seen.get(name, none).joined(values)

        return hook

    with _hooked(model, keep), torch.no_grad():
        for batch in evaluation_batches(rows.lengths):
            check()
            model(**rows.batch(batch.tolist()))
    return seen


def _effects(
    model: PreTrainedModel, maps: Mapping[str, EightBitMap], rows: Encoded, check: Callable[[], None]
) -> dict[str, float]:
    """Sum of squares over rows of how much each map's error alone moves the outputs, to first order.

    The slope of the outputs by a map's own output, times the error of the latter, is summed over the tokens of a row.
    One pass back serves all outputs: the square of their sum with random signs is on average the sum of their squares.
    """
    stream = torch_stream(0, "signs of outputs")
    effects = dict.fromkeys(maps, 0.0)
    passed: list[tuple[str, Tensor, Tensor]] = []

    def keep(name: str) -> _Hook:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            with torch.no_grad():
                error = maps[name](inputs[0]) - output
            point = torch.zeros_like(output, requires_grad=True)
            passed.append((name, error, point))
            return output + point

        return hook

    with _hooked(model, keep), torch.enable_grad():
        for batch in evaluation_batches(rows.lengths):
            check()
            passed.clear()
            outputs: Tensor = model(**rows.batch(batch.tolist())).logits
            signs = torch.randint(0, 2, outputs.shape, generator=stream) * 2.0 - 1.0
            slopes = torch.autograd.grad((outputs * signs).sum(), [point for _, _, point in passed])
            for (name, error, _), slope in zip(passed, slopes, strict=True):
                effects[name] += float((error * slope).reshape(len(batch), -1).sum(1).square().sum())
    return effects


@contextmanager
def _hooked(model: nn.Module, hook: Callable[[str], _Hook]) -> Iterator[None]:
    names = [weight.name for weight in find_weights(model)]
    handles = [model.get_submodule(name).register_forward_hook(hook(name)) for name in names]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
