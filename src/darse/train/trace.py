"""Low-rank pairs while they are trained to what each of them did in each epoch: gradients, updates, directions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from darse.model.audit import effective_rank, singular_values
from darse.model.weights import Pair


@dataclass(frozen=True, slots=True)
class TracePoint:
    """All pairs after one epoch, one value for each, in the order of their names.

    Attributes:
        epoch: Epochs finished.
        gradient: Mean over the epoch's steps of the norm of the pair's gradient, as the optimizer is given it, so after
            clipping.
        update: Frobenius norm of the update that the pair stands for, `scale * up @ down`, at the epoch's end.
        effective_rank: How many directions that update has (`darse.model.audit.effective_rank`).
    """

    epoch: int
    gradient: tuple[float, ...]
    update: tuple[float, ...]
    effective_rank: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Trace:
    """A training run, pair by pair.

    Attributes:
        modules: Full name of each adapted module.
        ranks: The rank of each.
        points: One for each finished epoch.
    """

    modules: tuple[str, ...]
    ranks: tuple[int, ...]
    points: tuple[TracePoint, ...]


class Tracer:
    """Watches the pairs of one run; it reads values that are there and changes nothing.

    Args:
        pairs: By the module's full name, now; called again after every epoch.
        scales: What `up @ down` of each is multiplied with.
    """

    def __init__(self, pairs: Callable[[], Mapping[str, Pair]], scales: Mapping[str, float]) -> None:
        self._pairs, self._scales = pairs, dict(sorted(scales.items()))

    def step(self, sums: Sequence[float]) -> tuple[float, ...]:
        """Sums of gradient norms with those of a step added; due before the optimizer takes the gradients.

        Args:
            sums: Of the epoch's earlier steps; empty before the first.
        """
        pairs = self._pairs()
        halves = _gradient_norms([half for name in self._scales for half in (pairs[name].down, pairs[name].up)])
        norms = [math.hypot(*both) for both in zip(halves[::2], halves[1::2], strict=True)]
        return tuple(map(sum, zip(sums, norms, strict=True))) if sums else tuple(norms)

    def point(self, epoch: int, sums: Sequence[float], steps: int) -> TracePoint:
        """What an epoch leaves.

        Args:
            epoch: Epochs finished.
            sums: Of the gradient norms of its steps.
            steps: How many.
        """
        pairs = self._pairs()
        with torch.no_grad():
            spectra = {name: singular_values(pairs[name]) for name in self._scales}
        return TracePoint(
            epoch,
            tuple(value / max(1, steps) for value in sums) or (0.0,) * len(spectra),
            tuple(self._scales[name] * math.hypot(*values) for name, values in spectra.items()),
            tuple(effective_rank(values) for values in spectra.values()),
        )


def _gradient_norms(parameters: Sequence[Tensor]) -> list[float]:
    """Norm of the gradient of each, 0 where it has none; read in one go, since a device waits for each reading."""
    known = [one.grad.detach().float() for one in parameters if one.grad is not None]
    found = iter(torch.stack(list(map(torch.linalg.vector_norm, known))).tolist() if known else ())
    return [0.0 if one.grad is None else next(found) for one in parameters]
