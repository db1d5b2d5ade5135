"""Trained pairs to the best pairs of any lower rank, by QR and SVD; of several runs, their mean's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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


def mean_of(runs: Sequence[AdapterWeights]) -> AdapterWeights:
    """The adapter whose updates and head are the mean over trained adapters of one plan and one alpha.

    The mean of n products of rank r is a product of rank n * r, so the pairs are stacked. Runs that start from the same
    pretrained weights lie in one basin, where a mean of them serves at least as well as one (Wortsman et al. 2022,
    *Model soups*, arXiv 2203.05482); cut back to rank r it costs what one run costs.

    Args:
        runs: Their weights, one or more.
    """
    first, count = runs[0], len(runs)
    if count == 1:
        return first
    pairs = {
        name: Pair(
            torch.cat([run.pairs[name].down for run in runs]),
            # the scaling alpha / sqrt(r) falls by sqrt(n) when the rank grows n times
            torch.cat([run.pairs[name].up for run in runs], dim=1) / math.sqrt(count),
        )
        for name in first.pairs
    }
    head = {name: torch.stack([run.head[name] for run in runs]).mean(dim=0) for name in first.head}
    return AdapterWeights(first.alpha, pairs, head)


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
