"""What the guided search saves: training runs and minutes to its final quality, against grid and random search.

    python -m benchmarks.savings --data ../shared/data --work FOLDER
    python -m benchmarks.savings --data ../shared/data --work FOLDER --sets cr --runs 20 --rows 300
    python -m benchmarks.savings --table

A set takes about 20 minutes on two cores. What is done is kept in benchmarks/results/savings.jsonl, a line a run, and
not done again; a study that was stopped goes on.

The target is what the search found: a run reaches it if its plan has no more parameters and its validation loss is no
higher than the mean of the found plan's full runs, plus the noise floor. Every run is a full one of the same engine,
rows, epochs and head. The others try, of the same ranks and learning rates,

- random: for each layer one of the ranks, and one of the rates,
- grid: for each third of the depth one of three ranks, with each rate.

Their order is luck, so what is told is the expectation over all orders: with K of N runs at the target the first one
comes after (N + 1) / (K + 1) runs. A single lucky seed counts as reaching, which helps them. Of the guided search two
figures are told: up to its first run at the target, and all of it, the proof with its controls included, which the
others do not have.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import transformers

from benchmarks.compare.results import Record, append, number, read
from benchmarks.results import KEPT, SETS
from darse.data.example import LabelledData
from darse.data.load import load_labelled
from darse.errors import TrialError
from darse.execute.bench import Bench
from darse.execute.evaluator import Feedback
from darse.execute.finetune import Finetune
from darse.execute.ground import find_ground
from darse.files import make_folder, sha256_of_json
from darse.model.precision import resolved
from darse.ranks.plan import RankPlan, Site, cost
from darse.search.history import is_run
from darse.seeds import numpy_stream
from darse.settings import Settings, settings_from_options
from darse.store.open import open_store
from darse.store.trial import TrialSpec
from darse.study.request import Audience, Request
from darse.study.run import run_study

RANDOM_RANKS = (0, 1, 2, 4, 8, 16)
GRID_RANKS = (0, 2, 8)
_PARTS = 3
_COLUMNS = {"--score": "score", "--target": "target", "--label": "label"}
_SETS = {**SETS, "demo": ["demo"]}


@dataclass(frozen=True)
class Scale:
    """How large.

    Attributes:
        model: Base model.
        rows: Training rows at the most.
        epochs: Of a run.
        runs: Of each other search, at the most.
        max_rank: Highest rank searched.
    """

    model: str = "minilm"
    rows: int = 400
    epochs: int = 3
    runs: int = 52
    max_rank: int = 16

    @property
    def digest(self) -> str:
        """Names the scale; `runs` may grow without making another one."""
        return sha256_of_json({**asdict(self), "runs": 0})[:12]


@dataclass(frozen=True)
class Reach:
    """When a search reached the target.

    Attributes:
        runs: Training runs up to there; infinity if none reached it.
        minutes: Of evaluation.
        tried: Runs that were made in all.
    """

    runs: float
    minutes: float
    tried: int


def main() -> None:
    """Do what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--sets", nargs="+", choices=list(_SETS), default=["cr", "fiqa_headlines"])
    parser.add_argument("--model", default=Scale.model)
    parser.add_argument("--rows", type=int, default=Scale.rows)
    parser.add_argument("--epochs", type=int, default=Scale.epochs)
    parser.add_argument("--runs", type=int, default=Scale.runs)
    parser.add_argument("--max-rank", type=int, default=Scale.max_rank)
    parser.add_argument("--results", type=Path, default=KEPT / "savings.jsonl")
    parser.add_argument("--table", action="store_true", help="print what is there, and run nothing")
    options = parser.parse_args()
    scale = Scale(options.model, options.rows, options.epochs, options.runs, options.max_rank)
    transformers.logging.set_verbosity_error()
    if not options.table:
        if options.data is None or options.work is None:
            parser.error("--data and --work say where the sets are and where to work")
        for name in options.sets:
            measure(name, scale, options.data, options.work / name, options.results)
    print(table(options.sets, scale, read(options.results)))


def measure(name: str, scale: Scale, data: Path, folder: Path, results: Path) -> None:
    """Do what is missing of a set."""
    file, *columns = _SETS[name]
    given = {_COLUMNS[option]: column for option, column in zip(columns[::2], columns[1::2], strict=True)}
    options = {"model": scale.model, "epochs": scale.epochs, "max_rank": scale.max_rank, **given}
    settings = resolved(settings_from_options(options))
    source = file if name == "demo" else data / file
    rows = fewer(load_labelled(source, settings.data, seed=settings.search.seed), scale.rows)
    make_folder(folder)
    key = f"{name}/{scale.digest}"
    if f"{key}/guided" not in read(results):
        append(results, {"key": f"{key}/guided", **guided(rows, settings, folder / scale.digest)})
    with open_store(folder / f"{scale.digest}.db") as store:
        bench = find_ground(settings, rows.task).bench(rows, settings, store, folder / "checkpoints")
        for method, specs in (("grid", grid(bench.sites, settings)), ("random", sampled(bench.sites, settings))):
            for place, spec in enumerate(itertools.islice(specs, scale.runs)):
                own = f"{key}/{method}/{place}"
                if own not in read(results):
                    append(results, {"key": own, **one_run(bench, spec, scale.digest)})
                    print(f"{name}: {method} {place + 1}", flush=True)


def guided(rows: LabelledData, settings: Settings, folder: Path) -> Record:
    """The guided search: its trials in order, and what it found."""
    result = run_study(Request(rows, settings, folder), Audience()).result
    verified, calibration = result.findings.verify, result.findings.calibrate
    assert verified is not None
    assert calibration is not None
    runs = verified.runs(result.trials, settings.train.epochs)[result.plan]
    return {
        "plan": list(result.plan.ranks),
        "cost": result.cost,
        "quality": sum(run.outcome.score for run in runs) / len(runs),
        "noise": calibration.noise_floor,
        "trials": [
            {
                "is_run": is_run(trial.spec),
                "cost": cost(trial.spec.plan, result.sites),
                "score": trial.outcome.score,
                "seconds": trial.outcome.seconds,
            }
            for trial in result.trials
        ],
    }


def one_run(bench: Bench, spec: TrialSpec, context: str) -> Record:
    """A full run of a plan."""
    values: Record = {"plan": list(spec.plan.ranks), "rate": spec.learning_rate, "cost": cost(spec.plan, bench.sites)}
    try:
        outcome = Finetune(bench).evaluate(spec.id(context), spec, [], Feedback())
    except TrialError as error:
        return {**values, "score": None, "seconds": 0.0, "reason": str(error)}
    return {**values, "score": outcome.score, "seconds": outcome.seconds}


def grid(sites: Sequence[Site], settings: Settings) -> Iterator[TrialSpec]:
    """A rank for each third of the depth, with each rate, in the order of a shuffle."""
    cells = list(itertools.product(itertools.product(GRID_RANKS, repeat=_PARTS), settings.search.learning_rates))
    cells = [cell for cell in cells if any(cell[0])]
    for place in numpy_stream(0, "grid").permutation(len(cells)):
        ranks, rate = cells[place]
        plan = [ranks[site * _PARTS // len(sites)] for site in range(len(sites))]
        yield TrialSpec(_fitting(plan, sites), 0, rate, settings.train.epochs)


def sampled(sites: Sequence[Site], settings: Settings) -> Iterator[TrialSpec]:
    """A rank for each layer and a rate, at random."""
    stream = numpy_stream(0, "random plans")
    ranks = [rank for rank in RANDOM_RANKS if rank <= settings.search.max_rank]
    while True:
        plan = [int(rank) for rank in stream.choice(ranks, len(sites))]
        rate = float(stream.choice(settings.search.learning_rates))
        if any(plan):
            yield TrialSpec(_fitting(plan, sites), 0, rate, settings.train.epochs)


def _fitting(plan: Sequence[int], sites: Sequence[Site]) -> RankPlan:
    return RankPlan.of(min(rank, site.max_rank) for rank, site in zip(plan, sites, strict=True))


def fewer(data: LabelledData, rows: int) -> LabelledData:
    """The data with fewer training rows, evenly taken."""
    if rows >= len(data.train):
        return data
    places = np.unique(np.linspace(0, len(data.train) - 1, rows).round().astype(int))
    return replace(data, train=tuple(data.train[place] for place in places))


def table(sets: Sequence[str], scale: Scale, found: Mapping[str, Record]) -> str:
    """What is known, Markdown."""
    lines = [
        "| set | search | training runs to the target | minutes | saved runs | saved time | runs made |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name in sets:
        key = f"{name}/{scale.digest}"
        target = found.get(f"{key}/guided")
        if target is None:
            lines.append(f"| {name} | not measured yet | | | | | |")
            continue
        own = reached(target)
        lines.append(f"| {name} | guided, to the target | {own.runs:.0f} | {own.minutes:.1f} | | | {own.tried} |")
        whole = spent(target)
        lines.append(f"| {name} | guided, with its proof | {whole.runs:.0f} | {whole.minutes:.1f} | | | {own.tried} |")
        for method in ("grid", "random"):
            runs = [record for place, record in found.items() if place.startswith(f"{key}/{method}/")]
            lines.append(_line(name, method, expected(runs, target), own))
    return "\n".join(lines)


def _line(name: str, method: str, other: Reach, own: Reach) -> str:
    if other.runs == float("inf"):
        return (
            f"| {name} | {method} | none of {other.tried} reached it | over {other.minutes:.1f} | | | {other.tried} |"
        )
    saved = f"{1 - own.runs / other.runs:.0%} | {1 - own.minutes / other.minutes:.0%}"
    return f"| {name} | {method}, expected | {other.runs:.1f} | {other.minutes:.1f} | {saved} | {other.tried} |"


def reached(target: Record) -> Reach:
    """When the guided search first had a run at its own target."""
    seconds, runs = 0.0, 0
    tried = sum(bool(one["is_run"]) for one in _trials(target))
    for one in _trials(target):
        seconds += number(one, "seconds")
        runs += bool(one["is_run"])
        if one["is_run"] and is_at(one, target):
            return Reach(runs, seconds / 60, tried)
    return Reach(float("inf"), seconds / 60, tried)


def spent(target: Record) -> Reach:
    """All of the guided search."""
    trials = _trials(target)
    runs = sum(bool(one["is_run"]) for one in trials)
    return Reach(runs, sum(number(one, "seconds") for one in trials) / 60, runs)


def expected(runs: Sequence[Record], target: Record) -> Reach:
    """When a search whose order is luck reaches the target, the expectation over all orders of its runs."""
    hits = [run for run in runs if is_at(run, target)]
    misses = [run for run in runs if not is_at(run, target)]
    if not hits:
        return Reach(float("inf"), sum(number(run, "seconds") for run in runs) / 60, len(runs))
    before = len(misses) / (len(hits) + 1)
    seconds = before * _mean(misses) + _mean(hits)
    return Reach(before + 1, seconds / 60, len(runs))


def is_at(run: Record, target: Record) -> bool:
    """Whether a run is as small and as good as what was found, within the noise floor."""
    limit = number(target, "quality") + number(target, "noise")
    return run["score"] is not None and number(run, "cost") <= number(target, "cost") and number(run, "score") <= limit


def _trials(target: Record) -> list[Record]:
    trials = target["trials"]
    assert isinstance(trials, list)
    return trials


def _mean(runs: Sequence[Record]) -> float:
    return sum(number(run, "seconds") for run in runs) / len(runs) if runs else 0.0


if __name__ == "__main__":
    main()
