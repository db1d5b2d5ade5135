"""What a search costs up to its verdict, in plain runs: one `Trainer` + PEFT run of rank 8 in all layers.

    python -m benchmarks.search_cost --data ../shared/data
    python -m benchmarks.search_cost --data ../shared/data --sets cr --rows 600 1200
    python -m benchmarks.search_cost --data ../shared/data --sets fiqa_headlines --layers 12 24
    python -m benchmarks.search_cost --data ../shared/data --sets fiqa_headlines --max-rank 4 64

The plain run has the same rows, epochs, batch size and length limit, groups by length and evaluates after each epoch.
It is timed before the search and after it, in the same process, and the mean counts. `calibrate` tunes the learning
rate and measures the noise floor, which a plain run goes without; of it one run, whose cuts are what the search
reads, is counted with the search. Deeper models are the bundled one with each of its layers repeated: the cost is
theirs, the quality is not.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import transformers

from benchmarks.engine import trainer
from benchmarks.results import SETS
from darse.data.example import LabelledData
from darse.data.load import load_labelled
from darse.execute.bench import Bench
from darse.execute.ground import find_ground
from darse.model.base import find_base
from darse.model.precision import resolved
from darse.ranks.plan import RankPlan
from darse.search.driver import Listener
from darse.search.history import is_run
from darse.search.stages import STAGES, Findings
from darse.settings import Settings, settings_from_options
from darse.store.open import open_store, open_study_store
from darse.study.request import Audience, Request
from darse.study.run import run_study

EPOCHS = 3
_COLUMNS = {"--score": "score", "--target": "target", "--label": "label"}


class SearchIsOver(Exception):  # noqa: N818 - no error
    """Raised when the proof would begin."""


@dataclass
class Spent:
    """Seconds and trials by stage."""

    seconds: dict[str, float]
    runs: Counter[str]
    cuts: Counter[str]


def main() -> None:
    """Print one line per set and number of rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--rows", nargs="+", type=int, default=[0], help="training rows at the most; 0 for all")
    parser.add_argument("--layers", nargs="+", type=int, default=[0], help="of the model; 0 for the bundled one")
    parser.add_argument("--max-rank", nargs="+", type=int, default=[16])
    options = parser.parse_args()
    transformers.logging.set_verbosity_error()
    print(
        "set | rows | layers | max rank | plain run, s | calibrate | coarse | fine | allocate, in plain runs | one "
        "calibrated run and the search | all of it | runs + cuts and estimates by stage",
        flush=True,
    )
    for name, rows, layers, rank in itertools.product(options.sets, options.rows, options.layers, options.max_rank):
        with tempfile.TemporaryDirectory() as folder:
            print(measured(options.data, name, rows, layers, rank, Path(folder)), flush=True)


def measured(folder_of_data: Path, name: str, rows: int, layers: int, rank: int, folder: Path) -> str:
    """One line."""
    file, *columns = SETS[name]
    given = {_COLUMNS[option]: column for option, column in zip(columns[::2], columns[1::2], strict=True)}
    model = deeper(layers, folder / "model") if layers else "minilm"
    settings = resolved(settings_from_options({"model": model, "epochs": EPOCHS, "max_rank": rank, **given}))
    data = load_labelled(folder_of_data / file, settings.data, seed=settings.search.seed)
    if rows:
        places = np.unique(np.linspace(0, len(data.train) - 1, rows).round().astype(int))
        data = replace(data, train=tuple(data.train[place] for place in places))
    bench = find_ground(settings, data.task).bench(data, settings, open_store(folder / "b.db"), folder / "b")
    before = plain_seconds(bench)
    spent = search(data, settings, folder / "study")
    plain = (before + plain_seconds(bench)) / 2
    stages = [stage for stage in STAGES if stage != "verify"]
    parts = {stage: spent.seconds[stage] / plain for stage in stages}
    parent = parts["calibrate"] / max(1, spent.runs["calibrate"])
    total = parent + sum(parts[stage] for stage in stages[1:])
    counts = ", ".join(f"{stage} {spent.runs[stage]} + {spent.cuts[stage]}" for stage in stages)
    figures = " | ".join(f"{parts[stage]:.2f}" for stage in stages)
    size = f"{name} | {len(data.train)} | {len(bench.sites)} | {rank}"
    return f"{size} | {plain:.1f} | {figures} | {total:.2f} | {sum(parts.values()):.2f} | {counts}"


def deeper(layers: int, folder: Path) -> str:
    """The bundled model with so many layers, each of its own repeated."""
    base = find_base("minilm")
    model = transformers.AutoModel.from_pretrained(base.folder)
    own = model.encoder.layer
    copies = [copy.deepcopy(own[place * len(own) // layers]) for place in range(layers)]
    model.encoder.layer = torch.nn.ModuleList(copies)
    model.config.num_hidden_layers = layers
    model.save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(base.folder).save_pretrained(folder)
    return str(folder)


def search(data: LabelledData, settings: Settings, folder: Path) -> Spent:
    """Search until the proof would begin."""

    def stage(findings: Findings) -> None:
        if findings.stage == "verify":
            raise SearchIsOver

    request = Request(data, settings, folder)
    stage_of: dict[str, str] = {}
    now = [""]

    def began(findings: Findings) -> None:
        now[0] = findings.stage
        stage(findings)

    def wanted(specs: Sequence[object]) -> None:
        stage_of.update(dict.fromkeys(map(repr, specs), now[0]))

    with suppress(SearchIsOver):
        run_study(request, Audience(search=Listener(began, wanted)))
    spent = Spent(defaultdict(float), Counter(), Counter())
    with open_study_store(folder, None) as store:
        (study,) = store.studies()
        for trial in store.trials(study.id):
            name = stage_of[repr(trial.spec)]
            spent.seconds[name] += trial.outcome.seconds
            (spent.runs if is_run(trial.spec) else spent.cuts)[name] += 1
    return spent


def plain_seconds(bench: Bench) -> float:
    """Seconds of the plain run."""
    plan, epochs = RankPlan.uniform(bench.sites, 8), bench.settings.train.epochs
    rows, valid = bench.rows["train"], bench.rows["valid"]
    with trainer(bench, plan, rows, valid, num_train_epochs=epochs, eval_strategy="epoch") as plain:
        began = time.perf_counter()
        plain.train()
        return time.perf_counter() - began


if __name__ == "__main__":
    main()
