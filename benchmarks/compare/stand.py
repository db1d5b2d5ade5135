"""What a method is given, and the rules that are the same for all: how it is tuned and how it is judged."""

from __future__ import annotations

import math
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from benchmarks.compare.results import Floats, Record, packed
from benchmarks.compare.scale import GRID, Scale
from darse.data.example import LabelledData
from darse.errors import TrialError
from darse.evaluate.losses import metric_losses, verdict_metric
from darse.execute.bench import Bench
from darse.execute.ground import find_ground
from darse.model.base import Base, find_base
from darse.model.precision import resolved
from darse.settings import Options, Settings, settings_from_options
from darse.store.open import open_store


@dataclass(frozen=True)
class Stand:
    """What a cell stands on.

    Attributes:
        data: The set, split.
        scale: How large.
        folder: An empty folder of the cell.
        start: Where the walk of the learning rates starts.
        given: The finished cell that this one needs.
        more: Settings beside those that every method has in common.
    """

    data: LabelledData
    scale: Scale
    folder: Path
    start: float = GRID[len(GRID) // 2]
    given: Mapping[str, object] = field(default_factory=dict)
    more: Options = field(default_factory=Options)

    @property
    def options(self) -> Options:
        """The settings that every method has in common."""
        scale = self.scale
        return {
            "model": scale.model,
            "epochs": scale.epochs,
            "batch_size": scale.batch_size,
            "max_length": scale.max_length,
            "max_rank": scale.max_rank,
            "learning_rates": GRID,
            "seeds": scale.seeds,
            **self.more,
        }

    @cached_property
    def settings(self) -> Settings:
        """The same, checked, with the precision that our engine takes on this machine."""
        return resolved(settings_from_options(self.options))

    @cached_property
    def base(self) -> Base:
        """The base model."""
        return find_base(self.scale.model)

    @cached_property
    def bench(self) -> Bench:
        """The model and the encoded rows, for our engine."""
        store = open_store(self.folder / "runs.db")
        ground = find_ground(self.settings, self.data.task)
        return ground.bench(self.data, self.settings, store, self.folder / "checkpoints")


@dataclass(frozen=True)
class Finished:
    """A training run.

    Attributes:
        score: Search loss on validation, lower is better.
        test: Logits of the test rows; asked once, after all is chosen.
        parameters: Of its adapter, where a method finds that out only while it trains.
    """

    score: float
    test: Callable[[], Floats]
    parameters: int = 0


Run = Callable[[float, int], Finished]
"""A learning rate and a seed to a finished run; `TrialError` where it has no score."""


@dataclass(frozen=True)
class Tuned:
    """A learning rate chosen on validation.

    Attributes:
        rate: The learning rate.
        run: Its run with seed 0.
        tried: Score by learning rate.
    """

    rate: float
    run: Finished
    tried: Mapping[float, float]


class Chosen:
    """What a method ends with: runs of one setting, a seed each.

    Attributes:
        plan: Ranks, or words.
        parameters: Trainable parameters, the head left out.
        rate: Learning rate.
        runs: A run per seed.
        made: Training runs in all, tuning among them.
        details: Further figures for the results file.
    """

    def __init__(
        self, *, plan: str, parameters: int, rate: float, runs: Sequence[Finished], made: float, details: Record
    ) -> None:
        self.plan, self.parameters, self.rate = plan, parameters, rate
        self.runs, self.made, self.details = runs, made, details


def tuned(run: Run, start: float, grid: Sequence[float] = GRID) -> Tuned:
    """Walk the grid with seed 0 from a start: it and its lower neighbour, then on to the better side until it is worse.

    The rule of darse's own stage calibrate. Every method has the same grid; where it starts is what is usual for it.

    Raises:
        TrialError: No learning rate gave a score.
    """
    right = max(1, list(grid).index(start))
    runs: dict[float, Finished] = {}
    scores: dict[float, float] = {}

    def ask(place: int) -> float:
        rate = grid[place]
        runs[rate] = _without_failure(run, rate)
        scores[rate] = runs[rate].score
        best = min(scores, key=lambda one: scores[one])
        for other in [one for one in runs if one != best]:
            del runs[other]  # a model each
        return scores[rate]

    lower, upper = ask(right - 1), ask(right)
    place, step = (right - 1, -1) if lower <= upper else (right, 1)
    while 0 <= place + step < len(grid):
        if not ask(place + step) < scores[grid[place]]:
            break
        place += step
    best = min(scores, key=lambda one: scores[one])
    if not math.isfinite(scores[best]):
        raise TrialError("no learning rate of the grid gave a finite validation score")
    return Tuned(best, runs[best], scores)


def with_all_seeds(stand: Stand, run: Run, first: Tuned) -> list[Finished]:
    """The tuned run and those of the other seeds at its learning rate."""
    return [first.run, *(run(first.rate, seed) for seed in range(1, stand.scale.seeds))]


def measured(stand: Stand, choose: Callable[[Stand], Chosen]) -> Record:
    """Run a method by its clock, then judge it on test, once; the content of a line of the results file."""
    clock = Clock()
    chosen = choose(stand)
    cost = clock.read()
    losses = np.stack([test_losses(stand.bench, one.test()) for one in chosen.runs])
    return {
        **common(stand),
        "plan": chosen.plan,
        "parameters": chosen.parameters,
        "learning_rate": chosen.rate,
        "valid": float(np.mean([one.score for one in chosen.runs])),
        "runs": chosen.made,
        **cost,
        "losses": packed(losses),
        **chosen.details,
    }


def common(stand: Stand) -> Record:
    """What every line says of its rows."""
    rows = {name: len(stand.data.split(name)) for name in ("train", "valid", "test")}
    return {"metric": verdict_metric(stand.data.task), "rows": rows, "data_sha256": stand.data.digest}


def test_losses(bench: Bench, logits: Floats) -> Floats:
    """The verdict's loss of every test row: 0/1 error, or squared error in the user's units."""
    return metric_losses(logits, *bench.truth("test"), bench.task)


class Clock:
    """What a method costs, from now on."""

    def __init__(self) -> None:
        self._began, self._cpu = time.perf_counter(), time.process_time()

    def read(self) -> Record:
        """Wall seconds, processor seconds (where they lag far behind, something else ran), and peak memory in MiB."""
        seconds, cpu = time.perf_counter() - self._began, time.process_time() - self._cpu
        return {"seconds": seconds, "cpu_seconds": cpu, "peak_mib": peak_mib()}


def peak_mib() -> int:
    """Peak memory of this process so far, MiB.

    Not `ru_maxrss` where it can be helped: on Linux that starts with the peak of the process that forked.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) // 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1 << 20 if sys.platform == "darwin" else 1024)


def _without_failure(run: Run, rate: float) -> Finished:
    try:
        return run(rate, 0)
    except TrialError:
        return Finished(math.inf, _nothing)


def _nothing() -> Floats:
    raise TrialError("a run that failed has no test logits")
