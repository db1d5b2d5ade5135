"""A model that PEFT has wrapped to its low-rank pairs as they are now."""

from __future__ import annotations

from dataclasses import dataclass

from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

from darse.errors import InputError
from darse.model.peft_names import KEY_PREFIX
from darse.model.weights import Pair


@dataclass(frozen=True, slots=True)
class LivePair:
    """A pair inside a model, whose values go on changing.

    Attributes:
        pair: Its parameters, not copied.
        scale: What `up @ down` is multiplied with.
    """

    pair: Pair
    scale: float


def live_pairs(model: nn.Module) -> dict[str, LivePair]:
    """The pairs of the active adapter, by the full name of the module that each adapts.

    Plain LoRA pairs on linear maps are found. Those of embeddings and convolutions, and of methods that are not a
    product of two matrices (AdaLoRA), are left out.

    Args:
        model: Wrapped by `peft.get_peft_model`, or itself inside something else (DistributedDataParallel).

    Raises:
        InputError: It has no such pair.
    """
    found: dict[str, LivePair] = {}
    for name, module in model.named_modules():
        if not isinstance(module, LoraLayer):
            continue
        for adapter in module.active_adapters:
            down, up = (_matrix(table, adapter) for table in (module.lora_A, module.lora_B))
            if down is not None and up is not None:
                plain = name.removeprefix("module.").removeprefix(KEY_PREFIX)
                found[plain] = LivePair(Pair(down, up), float(module.scaling[adapter]))
                break
    if not found:
        raise InputError(
            "the model has no LoRA pair whose layers could be followed; wrap it with peft.get_peft_model before it is "
            "given to the Trainer"
        )
    return dict(sorted(found.items()))


def _matrix(table: nn.Module, adapter: str) -> Tensor | None:
    """Half of a pair, shape (out, in); None if the adapter has no such one here."""
    if not isinstance(table, nn.ModuleDict) or adapter not in table:
        return None
    weight = getattr(table[adapter], "weight", None)
    return weight if isinstance(weight, Tensor) and weight.ndim == 2 else None
