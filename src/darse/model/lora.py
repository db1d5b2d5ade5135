"""Low-rank pairs put into a frozen model and taken out again, without a copy of the model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from darse.model.low_rank import LowRankMap, frozen_product
from darse.model.weights import AdapterWeights, Pair, frozen_depth, head_names, scaling
from darse.ranks.sites import find_weights, is_transposed


class FrozenLinear(nn.Module):
    """A frozen linear map whose products in training are computed in a narrower type.

    Args:
        base: The frozen map, `nn.Linear` or `Conv1D`.
        dtype: The type; float32 changes nothing.
    """

    def __init__(self, base: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.base = base
        self._narrow = None if dtype == torch.float32 else _weight_of(base).detach().to(dtype).contiguous()

    @property
    def weight(self) -> Tensor:
        """What hidden states are multiplied by now, shape (d_out, d_in)."""
        return self._narrow if self.training and self._narrow is not None else _weight_of(self.base)

    @property
    def bias(self) -> Tensor | None:
        """The frozen bias, shape (d_out,), if there is one."""
        bias = self.base.bias
        assert bias is None or isinstance(bias, Tensor)
        return bias

    def forward(self, hidden: Tensor) -> Tensor:
        """Map hidden states of shape (..., d_in) to (..., d_out)."""
        return frozen_product(hidden, self.weight, self.bias)


class LowRankLinear(FrozenLinear):
    """A frozen linear map plus a scaled low-rank update.

    Args:
        base: The frozen map, `nn.Linear` or `Conv1D`.
        pair: The low-rank pair; its values are copied.
        alpha: Numerator of the rank-stabilised scaling.
        dtype: Of the frozen products in training.
    """

    def __init__(self, base: nn.Module, pair: Pair, alpha: float, dtype: torch.dtype = torch.float32) -> None:
        super().__init__(base, dtype)
        self.down = nn.Parameter(pair.down.clone())
        self.up = nn.Parameter(pair.up.clone())
        self.scale = scaling(alpha, pair.rank)

    def forward(self, hidden: Tensor) -> Tensor:
        """Map hidden states of shape (..., d_in) to (..., d_out)."""
        output: Tensor = LowRankMap.apply(  # type: ignore[no-untyped-call]  # torch leaves it untyped
            hidden, self.weight, self.bias, self.down, self.up, self.scale
        )
        return output


class Installed:
    """A model with pairs and a head in place.

    Attributes:
        model: The model, changed in place.
    """

    def __init__(self, model: nn.Module, weights: AdapterWeights, dtype: torch.dtype = torch.float32) -> None:
        self.model = model
        self._layers: dict[str, LowRankLinear] = {}
        self._frozen: dict[str, FrozenLinear] = {}
        for name in _other_weights(model, weights) if dtype != torch.float32 else ():
            self._frozen[name] = FrozenLinear(model.get_submodule(name), dtype)
        for name, pair in weights.pairs.items():
            self._layers[name] = LowRankLinear(model.get_submodule(name), pair, weights.alpha, dtype)
        for name, layer in (self._frozen | self._layers).items():
            _replace(model, name, layer)
        self._head = {
            name: parameter
            for part in head_names(model)
            for name, parameter in model.get_submodule(part).named_parameters(prefix=part)
        }
        with torch.no_grad():
            for name, parameter in self._head.items():
                parameter.copy_(weights.head[name])
                parameter.requires_grad_(True)

    def parameters(self) -> dict[str, nn.Parameter]:
        """The trainable values in a fixed order, under the names of `AdapterWeights.tensors`."""
        table: dict[str, nn.Parameter] = {f"head:{name}": value for name, value in self._head.items()}
        for name, layer in self._layers.items():
            table[f"down:{name}"] = layer.down
            table[f"up:{name}"] = layer.up
        return dict(sorted(table.items()))

    def remove(self) -> None:
        """Give the model its own maps back."""
        for name, layer in (self._frozen | self._layers).items():
            _replace(self.model, name, layer.base)
        for parameter in self._head.values():
            parameter.requires_grad_(False)
            parameter.grad = None


@contextmanager
def installed(model: nn.Module, weights: AdapterWeights, dtype: torch.dtype = torch.float32) -> Iterator[Installed]:
    """Put weights into a model for the length of a `with` block.

    Args:
        model: The model, changed in place.
        weights: The weights; their values are copied.
        dtype: Of the frozen products in training, from the lowest layer with a pair on.
    """
    present = Installed(model, weights, dtype)
    try:
        yield present
    finally:
        present.remove()


def _other_weights(model: nn.Module, weights: AdapterWeights) -> list[str]:
    """Names of the linear maps without a pair, from the lowest layer with one on."""
    lowest = frozen_depth(model, weights)
    return [one.name for one in find_weights(model) if one.layer >= lowest and one.name not in weights.pairs]


def _weight_of(module: nn.Module) -> Tensor:
    """The weight of a linear map, shape (d_out, d_in)."""
    weight = module.weight
    assert isinstance(weight, Tensor)
    return weight.t() if is_transposed(module) else weight


def _replace(model: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, leaf = name.rpartition(".")
    setattr(model.get_submodule(parent), leaf, module)
