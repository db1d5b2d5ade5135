"""Low-rank pairs put into a frozen model and taken out again, without a copy of the model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from darse.model.low_rank import LowRankMap, LowRankTables, NarrowLowRankMap
from darse.model.weights import AdapterWeights, Pair, frozen_depth, head_parameters, scaling
from darse.ranks.sites import find_layers, find_weights, is_transposed


class NarrowLinear(nn.Module):
    """A frozen linear map whose products are computed in a type with fewer digits.

    Args:
        base: The frozen map, `nn.Linear` or `Conv1D`.
        dtype: The type, that of what it gives back too.
    """

    def __init__(self, base: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.base = base
        self._weight = weight_of(base).detach().to(dtype).contiguous()
        bias = bias_of(base)
        self._bias = None if bias is None else bias.detach().to(dtype)

    def forward(self, hidden: Tensor) -> Tensor:
        """Map hidden states of shape (..., d_in) to (..., d_out)."""
        return F.linear(hidden.to(self._weight.dtype), self._weight, self._bias)


class LowRankLinear(nn.Module):
    """A frozen linear map plus a scaled low-rank update.

    Args:
        base: The frozen map, `nn.Linear` or `Conv1D`.
        pair: The low-rank pair; its values are copied.
        alpha: Numerator of the rank-stabilised scaling.
        dtype: Of the products, and of what it gives back if that is narrower than float32.
    """

    def __init__(self, base: nn.Module, pair: Pair, alpha: float, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.base = base
        self.down = nn.Parameter(pair.down.clone())
        self.up = nn.Parameter(pair.up.clone())
        self.scale = scaling(alpha, pair.rank)
        is_exact = dtype == torch.float32
        self._tables = None if is_exact else LowRankTables(weight_of(base), bias_of(base), pair.rank, dtype)
        self.refresh()

    def refresh(self) -> None:
        """Take over the pair's present values: due after every change of them, before the model runs."""
        if self._tables is not None:
            self._tables.set_pair(self.down, self.up, self.scale)

    def forward(self, hidden: Tensor) -> Tensor:
        """Map hidden states of shape (..., d_in) to (..., d_out)."""
        output: Tensor
        if self._tables is None:
            output = LowRankMap.apply(  # type: ignore[no-untyped-call]  # torch leaves it untyped
                hidden, weight_of(self.base), bias_of(self.base), self.down, self.up, self.scale
            )
            return output
        output = NarrowLowRankMap.apply(  # type: ignore[no-untyped-call]  # the same
            hidden, self._tables, self.down, self.up, self.scale
        )
        return output


class Installed:
    """A model with pairs and a head in place.

    Attributes:
        model: The model, changed in place.
    """

    def __init__(
        self, model: nn.Module, weights: AdapterWeights, dtype: torch.dtype = torch.float32, depth: int | None = None
    ) -> None:
        self.model = model
        depth = frozen_depth(model, weights) if depth is None else depth
        self._narrow: dict[str, NarrowLinear] = {}
        self._handles: list[RemovableHandle] = []
        if dtype != torch.float32:
            others = [one.name for one in find_weights(model) if one.layer >= depth and one.name not in weights.pairs]
            self._narrow = {name: NarrowLinear(model.get_submodule(name), dtype) for name in others}
            self._handles = [
                # not in the maps: DeBERTa runs one twice in a pass, and between the two its values must not be written
                model.register_forward_pre_hook(self._refresh),
                # what lies above the layers, the head among it, goes on with all digits
                find_layers(model)[1][-1].register_forward_hook(_widened),
            ]
        self._layers = {
            name: LowRankLinear(model.get_submodule(name), pair, weights.alpha, dtype)
            for name, pair in weights.pairs.items()
        }
        for name, layer in (self._narrow | self._layers).items():
            _replace(model, name, layer)
        self._head = head_parameters(model)
        with torch.no_grad():
            for name, parameter in self._head.items():
                parameter.copy_(weights.head[name])
                parameter.requires_grad_(True)

    def _refresh(self, model: nn.Module, inputs: object) -> None:
        for layer in self._layers.values():
            layer.refresh()

    def parameters(self) -> dict[str, nn.Parameter]:
        """The trainable values in a fixed order, under the names of `AdapterWeights.tensors`."""
        table: dict[str, nn.Parameter] = {f"head:{name}": value for name, value in self._head.items()}
        for name, layer in self._layers.items():
            table[f"down:{name}"] = layer.down
            table[f"up:{name}"] = layer.up
        return dict(sorted(table.items()))

    def remove(self) -> None:
        """Give the model its own maps back."""
        for handle in self._handles:
            handle.remove()
        for name, layer in (self._narrow | self._layers).items():
            _replace(self.model, name, layer.base)
        for parameter in self._head.values():
            parameter.requires_grad_(False)
            parameter.grad = None


@contextmanager
def installed(
    model: nn.Module, weights: AdapterWeights, dtype: torch.dtype = torch.float32, depth: int | None = None
) -> Iterator[Installed]:
    """Put weights into a model for the length of a `with` block.

    Args:
        model: The model, changed in place.
        weights: The weights; their values are copied.
        dtype: Of the linear maps' products.
        depth: The lowest layer where that type is used; that of the lowest pair by default.
    """
    present = Installed(model, weights, dtype, depth)
    try:
        yield present
    finally:
        present.remove()


def _widened(module: nn.Module, inputs: object, output: object) -> object:
    """What a layer returns, its hidden states in float32."""
    if isinstance(output, Tensor):
        return output.float()
    assert isinstance(output, tuple)
    return (output[0].float(), *output[1:])


def weight_of(module: nn.Module) -> Tensor:
    """The weight of a linear map, shape (d_out, d_in)."""
    weight = module.weight
    assert isinstance(weight, Tensor)
    return weight.t() if is_transposed(module) else weight


def bias_of(module: nn.Module) -> Tensor | None:
    """The bias of a linear map, shape (d_out,), if there is one."""
    bias = module.bias
    assert bias is None or isinstance(bias, Tensor)
    return bias


def _replace(model: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, leaf = name.rpartition(".")
    setattr(model.get_submodule(parent), leaf, module)
