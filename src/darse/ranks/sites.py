"""A model to its sites: the weights of its repeated layers, found from the architecture and not from names."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from darse.errors import ModelError, SettingsError
from darse.ranks.plan import Site, Weight
from darse.settings import read_granularity


def find_weights(model: nn.Module) -> tuple[Weight, ...]:
    """All weights that can carry a low-rank pair: the linear maps inside the model's repeated layers.

    Args:
        model: Any transformer, with or without a head.

    Raises:
        ModelError: The model has no repeated layers, or shares one layer's weights over several depths (ALBERT),
            where a rank per layer has no meaning.
    """
    prefix, layers = find_layers(model)
    depth = getattr(getattr(model, "config", None), "num_hidden_layers", len(layers))
    if depth != len(layers):
        kind = type(model).__name__
        raise ModelError(
            f"{kind} runs {depth} layers on the weights of {len(layers)} (shared layers), so no layer can have a "
            "rank of its own; choose a model with separate layers, such as BERT or RoBERTa"
        )
    return tuple(
        Weight(f"{prefix}.{index}.{name}", *_shape(module), layer=index)
        for index, layer in enumerate(layers)
        for name, module in layer.named_modules()
        if is_linear(module)
    )


def find_layers(model: nn.Module) -> tuple[str, nn.ModuleList]:
    """The model's repeated layers, lowest first, and the full name of their list.

    The longest list of like modules that hold linear maps; a head or an embedding is in no such list.

    Raises:
        ModelError: The model has none.
    """
    candidates = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.ModuleList) and _is_stack(module)
    ]
    if not candidates:
        raise ModelError(f"{type(model).__name__} has no repeated layers with linear weights; choose a transformer")
    return max(candidates, key=lambda candidate: (len(candidate[1]), -candidate[0].count(".")))


def find_sites(weights: Sequence[Weight], granularity: str = "layer") -> tuple[Site, ...]:
    """Group weights into sites.

    Args:
        weights: The weights of a model, from `find_weights`.
        granularity: `layer`, `module` (each weight its own site) or `group:N` (N layers share a rank).

    Raises:
        SettingsError: The granularity is none of these.

    >>> [site.name for site in find_sites([Weight("l.0.q", 4, 4, 0), Weight("l.1.q", 4, 4, 1)], "group:2")]
    ['layers 0-1']
    """
    try:
        size = read_granularity(granularity)
    except ValueError as error:
        raise SettingsError([str(error)]) from error
    if not size:
        return tuple(Site(_module_name(weight), (weight,)) for weight in weights)
    depth = max(weight.layer for weight in weights) + 1
    return tuple(
        Site(
            f"layer {first}" if size == 1 else f"layers {first}-{min(first + size, depth) - 1}",
            tuple(weight for weight in weights if first <= weight.layer < first + size),
        )
        for first in range(0, depth, size)
    )


def is_linear(module: nn.Module) -> bool:
    """Whether a module is a linear map: `nn.Linear`, or GPT-2's transposed `Conv1D`."""
    return isinstance(module, nn.Linear) or type(module).__name__ == "Conv1D"


def is_transposed(module: nn.Module) -> bool:
    """Whether the weight is stored as (d_in, d_out), as GPT-2's `Conv1D` does."""
    return type(module).__name__ == "Conv1D"


def _is_stack(layers: nn.ModuleList) -> bool:
    kinds = {type(layer) for layer in layers}
    return len(kinds) == 1 and not is_linear(layers[0]) and any(map(is_linear, layers[0].modules()))


def _shape(module: nn.Module) -> tuple[int, int]:
    weight = module.weight
    assert isinstance(weight, nn.Parameter)
    rows, columns = weight.shape
    return (rows, columns) if is_transposed(module) else (columns, rows)


def _module_name(weight: Weight) -> str:
    inner = weight.name.split(f".{weight.layer}.", 1)[-1]
    return f"layer {weight.layer} {inner}"
