"""What trials stand on to the time and the memory of one run, told by a few steps that leave nothing behind."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from darse.errors import TrialError
from darse.execute.bench import Bench
from darse.execute.memory import give_back
from darse.model.weights import initial_weights
from darse.ranks.plan import RankPlan, ranks_by_weight
from darse.ranks.sites import find_layers
from darse.seeds import numpy_stream
from darse.train.loop import Observer, Schedule, Snapshot, train
from darse.train.lower import CACHE_BYTES

_STEPS = 8
"""Measured at the most; rows of different lengths make steps of different times."""
MEASURED_S = 3.0
"""A large model's steps are long: no more of them are taken after this time, but for the first two."""
_FEWEST_STEPS = 2
_FLOAT_BYTES = 4
_GROWTH = 1.2
"""Kernels and buffers that a few steps do not meet: 1.3 GB for the demo set, whose search was seen to take 1.4."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What was measured.

    Attributes:
        run_s: Seconds of one full run at the highest rank, unless it ends early; validation not counted.
        memory_bytes: What the process will take at its peak, roughly; 0 where the system does not say.
        carried_rank: The highest rank that a site can carry; None where nobody has looked.
    """

    run_s: float
    memory_bytes: int
    carried_rank: int | None = None


def rehearse(
    bench: Bench,
    check: Callable[[], None] = lambda: None,
    *,
    clock: Callable[[], float] = time.perf_counter,
    measured_s: float = MEASURED_S,
) -> Rehearsed | None:
    """Train a few batches from untrained weights and forget them; no result of any trial depends on it.

    Args:
        bench: What trials stand on; it is given back as it came.
        check: Called before every batch; it may raise to stop.
        clock: Seconds, from anywhere.
        measured_s: After so many seconds no further step is taken, but for the first two.

    Returns:
        The measure; None where the model cannot be trained, which its trials will say themselves.
    """
    rows = bench.rows["train"]
    size, epochs = bench.settings.train.batch_size, bench.settings.train.epochs
    longest = np.argsort(-rows.lengths, kind="stable")[:size]
    others = numpy_stream(0, "rehearsal").permutation(len(rows))[: size * _STEPS]
    try:
        # what is first is slow, and the longest rows take the most memory
        _step_seconds(bench, longest.tolist(), check, clock, measured_s)
        step_s = _step_seconds(bench, others.tolist(), check, clock, measured_s)
    except TrialError:
        return None
    steps = -(-len(rows) // size)
    return Rehearsed(step_s * steps * epochs, _memory(bench), max(site.max_rank for site in bench.sites))


def _step_seconds(
    bench: Bench, chosen: Sequence[int], check: Callable[[], None], clock: Callable[[], float], measured_s: float
) -> float:
    """Mean seconds of a step over some rows."""
    plan = RankPlan.uniform(bench.sites, bench.settings.search.max_rank)
    ranks = ranks_by_weight(plan, bench.sites)
    start = initial_weights(bench.model, bench.weights, ranks, alpha=bench.settings.train.alpha, seed=0)
    moments = [clock()]

    def step(epoch: int, step: int, steps: int) -> None:
        moments.append(clock())
        if len(moments) > _FEWEST_STEPS and moments[-1] - moments[0] > measured_s:
            raise _Enough

    with suppress(_Enough):
        train(
            bench.model,
            start,
            bench.rows["train"].at(np.asarray(chosen, dtype=np.intp)),
            task=bench.task,
            settings=bench.settings.train,
            schedule=Schedule(learning_rate=0.0, epochs=1, seed=0),
            validate=lambda: 0.0,
            checkpoint=_Nowhere(),
            observer=Observer(check, step),
        )
    give_back()
    # the first one waits for the pairs to be put in
    steps_s = np.diff(moments)[1:] if len(moments) > _FEWEST_STEPS else np.diff(moments)
    return float(steps_s.mean())


def _memory(bench: Bench) -> int:
    """What was taken so far, kept states of lower layers, and the model twice more when an export is proven."""
    states = sum(int(bench.rows[split].lengths.sum()) for split in ("train", "valid"))
    states *= int(bench.model.config.hidden_size) * len(find_layers(bench.model)[1]) * _FLOAT_BYTES
    model = sum(value.numel() * value.element_size() for value in bench.model.parameters())
    taken = _peak_bytes()
    return taken and round(_GROWTH * (taken + min(CACHE_BYTES, states) + 2 * model))


def _peak_bytes() -> int:
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak << 10


class _Enough(Exception):  # noqa: N818 - a way out of a run, not an error
    """No more steps are needed."""


class _Nowhere:
    """A checkpoint that is neither there nor kept."""

    def load(self) -> Snapshot | None:
        return None

    def save(self, snapshot: Snapshot) -> None:
        """Nothing is kept."""
