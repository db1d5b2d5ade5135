"""Encoded rows through a model to logits."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from darse.train.batches import evaluation_batches
from darse.train.encode import Encoded
from darse.train.lower import Forward, Lower


def predict(
    model: nn.Module, rows: Encoded, *, lower: Lower | None = None, check: Callable[[], None] = lambda: None
) -> Tensor:
    """Logits of every row, shape (rows, outputs), float32, in the order of the rows.

    Args:
        model: A sequence classifier, put into evaluation mode.
        rows: The rows.
        lower: What the lower layers have made of these rows; None runs every layer.
        check: Called before every batch; it may raise to stop.
    """
    model.eval()
    forward = Forward(model, rows, lower)
    logits: Tensor | None = None
    with torch.inference_mode():
        for batch in evaluation_batches(rows.lengths):
            check()
            output = forward(batch.tolist()).float()
            if logits is None:
                logits = torch.empty(len(rows), output.shape[1])
            logits[torch.from_numpy(batch)] = output
    assert logits is not None, "a split is never empty"
    return logits
