"""Low-rank pairs put into a frozen model and taken out again, without a copy of the model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from darse.model.low_rank import LowRankMap
from darse.model.weights import AdapterWeights, Pair, head_names, scaling
from darse.ranks.sites import is_transposed


class LowRankLinear(nn.Module):
    """A frozen linear map plus a scaled low-rank update.

    Args:
        base: The frozen map, `nn.Linear` or `Conv1D`.
        pair: The low-rank pair; its values are copied.
        alpha: Numerator of the rank-stabilised scaling.
    """

    def __init__(self, base: nn.Module, pair: Pair, alpha: float) -> None:
        super().__init__()
        self.base = base
        self.down = nn.Parameter(pair.down.clone())
        self.up = nn.Parameter(pair.up.clone())
        self.scale = scaling(alpha, pair.rank)

    def forward(self, hidden: Tensor) -> Tensor:
        """Map hidden states of shape (..., d_in) to (..., d_out)."""
        weight, bias = self.base.weight, self.base.bias
        assert isinstance(weight, Tensor)
        if is_transposed(self.base):
            weight = weight.t()
        output: Tensor = LowRankMap.apply(  # type: ignore[no-untyped-call]  # torch leaves it untyped
            hidden, weight, bias, self.down, self.up, self.scale
        )
        return output


class Installed:
    """A model with pairs and a head in place.

    Attributes:
        model: The model, changed in place.
    """

    def __init__(self, model: nn.Module, weights: AdapterWeights) -> None:
        self.model = model
        self._layers: dict[str, LowRankLinear] = {}
        for name, pair in weights.pairs.items():
            layer = LowRankLinear(model.get_submodule(name), pair, weights.alpha)
            _replace(model, name, layer)
            self._layers[name] = layer
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
        for name, layer in self._layers.items():
            _replace(self.model, name, layer.base)
        for parameter in self._head.values():
            parameter.requires_grad_(False)
            parameter.grad = None


@contextmanager
def installed(model: nn.Module, weights: AdapterWeights) -> Iterator[Installed]:
    """Put weights into a model for the length of a `with` block."""
    present = Installed(model, weights)
    try:
        yield present
    finally:
        present.remove()


def _replace(model: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, leaf = name.rpartition(".")
    setattr(model.get_submodule(parent), leaf, module)
