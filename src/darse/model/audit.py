"""The pairs of an adapter to what each of them holds: norms, effective rank, and the ranks that keep its energy."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from darse.model.peft_adapter import PeftAdapter
from darse.model.weights import Pair

SHARES = (0.9, 0.95, 0.99)
"""Parts of the energy whose ranks are told."""
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class ModuleAudit:
    """The update of one module.

    Attributes:
        name: Its full name in the base model.
        layer: Its layer, from 0 at the input; None outside of the repeated layers.
        part: Its name inside the layer.
        rank: The rank that is stored.
        d_in: Width of its input.
        d_out: Width of its output.
        values: Singular values of the update, falling, shape (min(rank, d_in, d_out),).
    """

    name: str
    layer: int | None
    part: str
    rank: int
    d_in: int
    d_out: int
    values: tuple[float, ...]

    @property
    def parameters(self) -> int:
        """Trained parameters of the pair."""
        return self.cost(self.rank)

    @property
    def spectral_norm(self) -> float:
        """Largest singular value of the update."""
        return self.values[0]

    @property
    def frobenius_norm(self) -> float:
        """Frobenius norm of the update; its square is the energy."""
        return math.sqrt(self.energy)

    @property
    def energy(self) -> float:
        """Sum of the squared singular values."""
        return math.fsum(value * value for value in self.values)

    @property
    def effective_rank(self) -> float:
        """How many directions the update has (`effective_rank`)."""
        return effective_rank(self.values)

    def rank_for(self, share: float) -> int:
        """The lowest rank that keeps a part of the energy; 0 for an update of zero."""
        return rank_keeping(np.square(self.values), share)

    def cost(self, rank: int) -> int:
        """Parameters of a pair of some rank."""
        return rank * (self.d_in + self.d_out)


def rank_keeping(energies: NDArray[np.float64], share: float) -> int:
    """The lowest rank that keeps a part of the energy, from that of every direction, falling; 0 where there is none."""
    kept = np.cumsum(energies)
    return 0 if not kept[-1] else int(np.searchsorted(kept, (share - _ROUNDING) * kept[-1])) + 1


@dataclass(frozen=True)
class Audit:
    """What an adapter holds.

    Attributes:
        name: What the user called it.
        base_name: Its base model, as its config says; None if it does not.
        task_type: PEFT's; None if it is not said.
        modules: From input to output.
        whole: Parameters that were trained whole (a head), by name.
        left_out: What is no plain pair, with the reason.
    """

    name: str
    base_name: str | None
    task_type: str | None
    modules: tuple[ModuleAudit, ...]
    whole: dict[str, int]
    left_out: dict[str, str]

    @property
    def parameters(self) -> int:
        """Parameters of all pairs."""
        return sum(one.parameters for one in self.modules)

    def cost_at(self, share: float) -> int:
        """Parameters after a cut of every module to the rank that keeps a part of its energy."""
        return sum(one.cost(one.rank_for(share)) for one in self.modules)

    def by_layer(self) -> dict[int | None, tuple[ModuleAudit, ...]]:
        """Modules of each layer, what lies outside of the layers last."""
        layers = sorted({one.layer for one in self.modules if one.layer is not None})
        keys: Iterable[int | None] = [*layers, *([None] if any(one.layer is None for one in self.modules) else [])]
        return {key: tuple(one for one in self.modules if one.layer == key) for key in keys}

    def parts(self) -> tuple[str, ...]:
        """Names of the modules inside a layer, in the order of the first that has them."""
        return tuple(dict.fromkeys(one.part for one in self.modules))


def audit(adapter: PeftAdapter, name: str) -> Audit:
    """Take an adapter apart, without data and without its base model.

    QR of both factors, then the singular values of an r x r matrix, in float64; the d_out x d_in update is never
    formed.

    Args:
        adapter: The adapter.
        name: What the user called it.
    """
    modules = sorted((_module(key, pair) for key, pair in adapter.pairs.items()), key=_place)
    return Audit(
        name,
        adapter.config.base_name,
        adapter.config.task_type,
        tuple(modules),
        {key: value.numel() for key, value in adapter.whole.items()},
        dict(adapter.left_out),
    )


def singular_values(pair: Pair) -> tuple[float, ...]:
    """Singular values of `up @ down`, falling.

    >>> singular_values(Pair(torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0], [2.0]])))
    (6.0,)
    """
    left = torch.linalg.qr(pair.up.double(), mode="r").R
    right = torch.linalg.qr(pair.down.double().T, mode="r").R
    return tuple(torch.linalg.svdvals(left @ right.T).tolist())


def effective_rank(values: Sequence[float]) -> float:
    """How many directions an update has: exp of the entropy of its shares of energy; 0 for an update of zero.

    Source: Roy and Vetterli 2007, The effective rank, EUSIPCO; here of squared singular values.

    >>> effective_rank([2.0, 2.0]), effective_rank([3.0, 0.0]), effective_rank([0.0])
    (2.0, 1.0, 0.0)
    """
    energy = math.fsum(value * value for value in values)
    shares = [value * value / energy for value in values] if energy else []
    return math.exp(-sum(share * math.log(share) for share in shares if share > 0)) if shares else 0.0


def place_in_model(name: str) -> tuple[int | None, str]:
    """The layer of a module, None outside of the repeated layers, and its name inside the layer.

    >>> place_in_model("bert.encoder.layer.3.attention.self.query"), place_in_model("classifier")
    ((3, 'attention.self.query'), (None, 'classifier'))
    """
    found = re.search(r"\.([0-9]{1,6})\.", name)
    return (int(found[1]), name[found.end() :]) if found else (None, name)


def _module(name: str, pair: Pair) -> ModuleAudit:
    layer, part = place_in_model(name)
    return ModuleAudit(name, layer, part, pair.rank, pair.down.shape[1], pair.up.shape[0], singular_values(pair))


def _place(one: ModuleAudit) -> tuple[bool, int, str]:
    return one.layer is None, one.layer or 0, one.name
