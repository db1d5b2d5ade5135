"""How large the comparison is: rows, epochs, seeds, and the grid of learning rates that every method gets."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

GRID = (2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2, 3.2e-2, 6.4e-2)
"""Wide enough for full fine-tuning at its lower end and for low ranks and AdaLoRA at its upper one."""
BUDGET_RANK = 8
"""All methods that allocate ranks get what this uniform rank costs."""


@dataclass(frozen=True)
class Scale:
    """What determines a cell beside its method and its set.

    Attributes:
        train_rows: Training rows at the most.
        valid_rows: Validation rows at the most.
        fold_search_rows: Rows at the most of the search before a ten-fold cross-validation.
        folds: Folds of the cross-validation.
        epochs: Of a full run; every method keeps its best epoch by validation.
        seeds: Runs at the chosen setting, tuning's own run among them.
        batch_size: Rows per step.
        max_length: Tokens per row.
        max_rank: Highest rank of a search.
        greedy_trials: Runs at the most of the published greedy search.
        model: Base model.
    """

    train_rows: int = 200
    valid_rows: int = 160
    fold_search_rows: int = 1600
    folds: int = 10
    epochs: int = 3
    seeds: int = 3
    batch_size: int = 16
    max_length: int = 128
    max_rank: int = 16
    greedy_trials: int = 20
    model: str = "minilm"

    def digest(self) -> str:
        """Ten digits that tell one scale from another."""
        return hashlib.sha256(json.dumps([asdict(self), GRID, BUDGET_RANK]).encode()).hexdigest()[:10]


SHORT = Scale()
FULL = Scale(train_rows=1_000_000, valid_rows=1_000_000, fold_search_rows=1_000_000, seeds=5, greedy_trials=1_000)
SST_ROWS = 3_000
"""Training rows of the largest set at the most, also in the full table."""
