"""Rows to batches of like length, in an order that derives from seed and epoch alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from darse.seeds import numpy_stream

_POOL = 16


def training_batches(lengths: NDArray[np.int32], *, batch_size: int, seed: int, epoch: int) -> list[NDArray[np.intp]]:
    """A random order of all rows, cut into batches whose rows have like lengths.

    Shuffle; sort within pools of 16 batches; shuffle the batches. Padding shrinks, the order stays random.

    Args:
        lengths: Tokens of each row.
        batch_size: Rows per batch; the last one may be smaller.
        seed: Of the run's random streams.
        epoch: Epoch, from 0.

    Returns:
        Arrays of row indices; every row stands in exactly one.
    """
    stream = numpy_stream(seed, "order", epoch)
    order = stream.permutation(len(lengths))
    pool = batch_size * _POOL
    batches: list[NDArray[np.intp]] = []
    for start in range(0, len(order), pool):
        rows = order[start : start + pool]
        rows = rows[np.argsort(lengths[rows], kind="stable")]
        batches += [rows[at : at + batch_size] for at in range(0, len(rows), batch_size)]
    return [batches[index] for index in stream.permutation(len(batches))]


def unpadded_batches(lengths: NDArray[np.int32], token_budget: int = 1024) -> list[NDArray[np.intp]]:
    """All rows, those of one length together, in batches of at most `token_budget` tokens: nothing is padded.

    What a row is multiplied with then does not depend on the rows beside it.
    """
    order = np.argsort(-lengths, kind="stable")
    batches: list[NDArray[np.intp]] = []
    for rows in np.split(order, np.flatnonzero(np.diff(lengths[order])) + 1):
        size = max(token_budget // max(int(lengths[rows[0]]), 1), 1)
        batches += [rows[start : start + size] for start in range(0, len(rows), size)]
    return batches


def evaluation_batches(lengths: NDArray[np.int32], token_budget: int = 1024) -> list[NDArray[np.intp]]:
    """All rows, longest first, in batches of at most `token_budget` padded tokens; a longer row has one to itself."""
    order: Sequence[int] = np.argsort(-lengths, kind="stable").tolist()
    batches: list[NDArray[np.intp]] = []
    start = 0
    while start < len(order):
        width = max(int(lengths[order[start]]), 1)
        stop = start + max(token_budget // width, 1)
        batches.append(np.asarray(order[start:stop], dtype=np.intp))
        start = stop
    return batches
