"""A request to what the work on it would be, with nothing written: sites, passes over the rows and their time."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from darse.data.example import DataCheck
from darse.execute.bench import Bench
from darse.seeds import numpy_stream
from darse.shrink.layout import Layout
from darse.shrink.prepare import ShrinkRequest, given_adapter, prepare
from darse.shrink.proposals import most_proposals, single_cuts
from darse.store.open import open_study_store

_MEASURED_ROWS = 64
"""Of validation, at the most: a pass over them tells what one over all would take."""


@dataclass(frozen=True)
class Outlook:
    """What would be done.

    Attributes:
        check: The data check.
        layout: The adapter's modules and sites.
        budget: Most parameters; None means no bound.
        passes: Passes over the validation rows, at the most; nothing is trained in them.
        pass_s: Seconds of one over the whole model; a cut of upper layers alone takes less.
    """

    check: DataCheck
    layout: Layout
    budget: int | None
    passes: int
    pass_s: float


def look_ahead(request: ShrinkRequest, check: Callable[[], None] = lambda: None) -> Outlook:
    """Say what `shrink` would do.

    Args:
        request: The request; its folder is not touched.
        check: Called before every batch; it may raise to stop.

    Raises:
        InputError: The adapter, its base model, the source or a setting is wrong.
        TrialError: The adapter could not be scored.
    """
    ready = prepare(request, given_adapter(request))
    layout, budget = ready.layout, ready.ground.budget
    # a bench stands on a store; this one is never asked for anything, and goes with its folder
    with tempfile.TemporaryDirectory(prefix="darse-") as folder, open_study_store(Path(folder)) as store:
        bench = ready.ground.bench(ready.data, ready.settings, store, Path(folder))
        part, share = _sample(bench)
        part.logits(ready.weights, "valid", check)  # what is first is slow
        began = time.perf_counter()
        part.logits(ready.weights, "valid", check)
        seconds = (time.perf_counter() - began) / share
        passes = 1 + len(single_cuts(layout)) + most_proposals(layout, budget)
        return Outlook(bench.counted(ready.data.check), layout, budget, passes, seconds)


def _sample(bench: Bench) -> tuple[Bench, float]:
    """The bench with a few of the validation rows, and which part of all their tokens these have."""
    rows = bench.rows["valid"]
    chosen = np.sort(numpy_stream(0, "outlook").permutation(len(rows))[:_MEASURED_ROWS])
    some = rows.at(chosen.astype(np.intp))
    share = float(some.lengths.sum()) / float(rows.lengths.sum())
    return replace(bench, rows={**bench.rows, "valid": some}), share
