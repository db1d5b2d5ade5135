"""The trained part of a model: low-rank pairs and a head, made from a seed, kept as safetensors bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor, nn

from darse.errors import AdapterError
from darse.files import safetensors_metadata
from darse.ranks.plan import Weight
from darse.ranks.sites import find_layers, is_linear, is_transposed
from darse.seeds import torch_stream

_DOWN, _UP, _HEAD = "down:", "up:", "head:"


@dataclass(frozen=True)
class Pair:
    """A low-rank pair for one weight: the update is `scaling(alpha, r) * up @ down`.

    Attributes:
        down: LoRA's A, shape (r, d_in).
        up: LoRA's B, shape (d_out, r).
    """

    down: Tensor
    up: Tensor

    @property
    def rank(self) -> int:
        """The pair's rank r."""
        return int(self.down.shape[0])


@dataclass(frozen=True)
class AdapterWeights:
    """All trained values of a model.

    Attributes:
        alpha: Numerator of the rank-stabilised scaling alpha / sqrt(r).
        pairs: A pair for every adapted weight, by the weight's full name.
        head: Values of the head, by the parameter's full name.
    """

    alpha: float
    pairs: Mapping[str, Pair]
    head: Mapping[str, Tensor]

    def to_bytes(self) -> bytes:
        """Safetensors bytes, the same for the same values."""
        content: bytes = save_safetensors(self.tensors(), metadata={"alpha": repr(self.alpha)})
        return content

    def tensors(self) -> dict[str, Tensor]:
        """All values in one flat table."""
        table = {f"{_HEAD}{name}": value for name, value in self.head.items()}
        for name, pair in self.pairs.items():
            table[f"{_DOWN}{name}"] = pair.down
            table[f"{_UP}{name}"] = pair.up
        return {name: value.detach().contiguous() for name, value in sorted(table.items())}

    @classmethod
    def from_tensors(cls, table: Mapping[str, Tensor], alpha: float) -> AdapterWeights:
        """The inverse of `tensors`.

        Raises:
            AdapterError: The table holds half a pair, a pair whose ranks differ, or a value of no known kind.
        """
        pairs: dict[str, Pair] = {}
        head: dict[str, Tensor] = {}
        for key, value in table.items():
            kind, _, name = key.partition(":")
            if kind == "head":
                head[name] = value
            elif kind not in {"down", "up"} or not {_DOWN + name, _UP + name} <= table.keys():
                raise AdapterError(f"stored weights hold {key!r} without the rest of its pair")
            elif kind == "down":
                pairs[name] = Pair(value, table[_UP + name])
                if value.ndim != 2 or pairs[name].up.ndim != 2 or pairs[name].up.shape[1] != value.shape[0]:
                    raise AdapterError(f"stored weights hold a pair for {name} whose two ranks differ")
        return cls(alpha, pairs, head)

    @classmethod
    def from_bytes(cls, content: bytes) -> AdapterWeights:
        """The inverse of `to_bytes`.

        Raises:
            AdapterError: The bytes are not what `to_bytes` wrote.
        """
        try:
            table, alpha = load_safetensors(content), float(safetensors_metadata(content)["alpha"])
        except (SafetensorError, ValueError, KeyError) as error:
            raise AdapterError(f"stored weights cannot be read: {error}") from error
        return cls.from_tensors(table, alpha)


def scaling(alpha: float, rank: int) -> float:
    """Rank-stabilised scaling alpha / sqrt(r); source: Kalajdzievski 2023, arXiv 2312.03732.

    >>> scaling(4.0, 16)
    1.0
    """
    return alpha / math.sqrt(rank)


def add_update(module: nn.Module, down: Tensor, up: Tensor, scale: float) -> None:
    """Add `scale * up @ down`, computed in float64, to the weight of a linear map in place.

    Args:
        module: The map; that of GPT-2 holds its weight transposed.
        down: Shape (r, d_in).
        up: Shape (d_out, r).
        scale: alpha / sqrt(r), or what another adapter scales by.
    """
    weight = module.weight
    assert isinstance(weight, Tensor)
    update = up.double() @ down.double() * scale
    with torch.no_grad():
        weight.copy_(weight.double() + (update.T if is_transposed(module) else update))


def initial_weights(
    model: nn.Module, weights: tuple[Weight, ...], ranks: Mapping[str, int], *, alpha: float, seed: int
) -> AdapterWeights:
    """Pairs whose update is zero and a new head, from named random streams.

    For one seed the first r rows of every `down` and the head are the same in every plan (common random numbers),
    so that the difference of two plans is not the difference of two draws.

    Args:
        model: The classifier, whose `darse_head` names the head's modules.
        weights: All weights that can carry a pair.
        ranks: Rank by weight name; weights that are missing or 0 get no pair.
        alpha: Numerator of the scaling.
        seed: Of the run's random streams.
    """
    pairs = {
        weight.name: _initial_pair(weight, ranks[weight.name], seed) for weight in weights if ranks.get(weight.name)
    }
    return AdapterWeights(alpha, pairs, initial_head(model, seed))


def initial_head(model: nn.Module, seed: int) -> dict[str, Tensor]:
    """Values for the head: those that came with the model, else normal weights, zero biases and plain norms.

    ModernBERT's head, for one, has a pretrained part below its last map.
    """
    values: dict[str, Tensor] = {}
    pretrained = model.darse_pretrained_head
    assert isinstance(pretrained, dict)
    spread = float(getattr(model.config, "initializer_range", None) or 0.02)
    for part in head_names(model):
        for name, module in model.get_submodule(part).named_modules(prefix=part):
            for leaf, parameter in module.named_parameters(recurse=False):
                key = f"{name}.{leaf}"
                if key in pretrained:
                    values[key] = pretrained[key].clone()
                elif not is_linear(module):
                    values[key] = torch.ones_like(parameter) if leaf == "weight" else torch.zeros_like(parameter)
                elif leaf == "weight":
                    stream = torch_stream(seed, "head", key)
                    values[key] = torch.empty(parameter.shape).normal_(0.0, spread, generator=stream)
                else:
                    values[key] = torch.zeros_like(parameter)
    return values


def frozen_depth(model: nn.Module, weights: AdapterWeights) -> int:
    """How many layers, from the lowest on, some weights leave as they are."""
    prefix, layers = find_layers(model)
    adapted = (int(name.removeprefix(f"{prefix}.").partition(".")[0]) for name in weights.pairs)
    return min(adapted, default=len(layers))


def head_names(model: nn.Module) -> tuple[str, ...]:
    """Full names of the modules that are trained whole."""
    names = model.darse_head
    assert isinstance(names, tuple)
    return names


def head_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """What is trained whole, by its full name."""
    return {
        name: parameter
        for part in head_names(model)
        for name, parameter in model.get_submodule(part).named_parameters(prefix=part)
    }


def _initial_pair(weight: Weight, rank: int, seed: int) -> Pair:
    # PEFT's own initialisation: kaiming_uniform with a = sqrt(5), which is uniform within 1 / sqrt(d_in).
    stream = torch_stream(seed, "down", weight.name)
    bound = 1.0 / math.sqrt(weight.d_in)
    rows = [torch.rand(weight.d_in, generator=stream) for _ in range(rank)]
    return Pair((torch.stack(rows) * 2 - 1) * bound, torch.zeros(weight.d_out, rank))
