"""Trained pairs of a high rank to the best pairs of any lower rank, by QR and SVD."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from darse.errors import PlanError
from darse.model.weights import AdapterWeights, Pair, scaling


@dataclass(frozen=True)
class Spectrum:
    """The update of one weight, taken apart: `left @ diag(values) @ right`.

    Attributes:
        left: Shape (d_out, r), orthonormal columns.
        values: Singular values, falling, shape (r,).
        right: Shape (r, d_in), orthonormal rows.
    """

    left: Tensor
    values: Tensor
    right: Tensor

    def cut(self, rank: int, alpha: float) -> Pair:
        """The best pair of a rank (Eckart and Young 1936), its scaling divided out.

        Raises:
            PlanError: The rank is above the one that was trained.
        """
        if rank > len(self.values):
            raise PlanError(f"rank {rank} cannot be cut from a pair of rank {len(self.values)}; raise --max-rank")
        root = (self.values[:rank] / scaling(alpha, rank)).sqrt()
        return Pair(root[:, None] * self.right[:rank], self.left[:, :rank] * root)


def spectrum(pair: Pair, alpha: float) -> Spectrum:
    """Singular value decomposition of a pair's update, without forming the d_out x d_in matrix.

    QR of both factors, then the SVD of an r x r matrix; in float64.
    """
    q_up, r_up = torch.linalg.qr(pair.up.double())
    q_down, r_down = torch.linalg.qr(pair.down.double().T)
    left, values, right = torch.linalg.svd(r_up @ r_down.T * scaling(alpha, pair.rank))
    return Spectrum((q_up @ left).float(), values.float(), (right @ q_down.T).float())


def spectra(weights: AdapterWeights) -> dict[str, Spectrum]:
    """The spectrum of every pair, by weight name."""
    return {name: spectrum(pair, weights.alpha) for name, pair in weights.pairs.items()}


def truncate(weights: AdapterWeights, taken_apart: Mapping[str, Spectrum], ranks: Mapping[str, int]) -> AdapterWeights:
    """Cut a trained adapter to a plan.

    Args:
        weights: The trained adapter; its head and alpha are kept.
        taken_apart: Its spectra, computed once for many plans.
        ranks: Rank by weight name; weights that are missing or 0 lose their pair.

    Raises:
        PlanError: A rank is above the trained one.
    """
    for name, rank in ranks.items():
        if rank and name not in taken_apart:
            raise PlanError(f"{name} has no trained pair to cut to rank {rank}")
    pairs = {name: one.cut(ranks[name], weights.alpha) for name, one in taken_apart.items() if ranks.get(name)}
    return AdapterWeights(weights.alpha, pairs, weights.head)
