"""What the stages of finished searches cost, in plain runs: one `Trainer` + PEFT run of rank 8 in all layers.

    python -m benchmarks.search_cost --data ../shared/data --studies /tmp/results

The plain run has the study's rows, epochs, batch size and length limit, groups by length and evaluates after each
epoch. It is timed now and the search was timed when it ran: measure both on the same idle machine.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import transformers

from benchmarks.compare.trainer import Rows
from benchmarks.engine import trainer
from benchmarks.results import SETS
from darse.data.load import load_labelled
from darse.execute.ground import find_ground
from darse.ranks.plan import RankPlan
from darse.search.kept_result import last_result
from darse.search.result import Result
from darse.search.stages import STAGES
from darse.store.open import open_store, open_study_store

SEARCH = ("coarse", "fine", "allocate")


def main() -> None:
    """Print one line per set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--studies", type=Path, required=True, help="the work folder of benchmarks/results.py")
    options = parser.parse_args()
    transformers.logging.set_verbosity_error()
    print(f"set | a plain run, s | {' | '.join(STAGES)}, in plain runs | {' + '.join(SEARCH)}")
    for name, (file, *_) in SETS.items():
        if not (options.studies / name / "verdict.json").is_file():
            print(f"{name} | no finished study")
            continue
        store = open_study_store(options.studies / name, None)
        result = last_result(store)
        assert result is not None
        spent: dict[str, float] = defaultdict(float)
        for stage, trial in zip(result.stages, result.trials, strict=True):
            spent[stage] += trial.outcome.seconds
        plain = plain_seconds(result, options.data / file)
        parts = [spent[stage] / plain for stage in STAGES]
        searched = sum(spent[stage] for stage in SEARCH) / plain
        print(f"{name} | {plain:.1f} | {' | '.join(f'{part:.2f}' for part in parts)} | {searched:.2f}", flush=True)


def plain_seconds(result: Result, data: Path) -> float:
    """Seconds of the plain run."""
    settings = result.settings
    labelled = load_labelled(data, settings.data, seed=settings.search.seed)
    with tempfile.TemporaryDirectory() as folder:
        ground = find_ground(settings, labelled.task)
        bench = ground.bench(labelled, settings, open_store(Path(folder) / "s.db"), Path(folder))
    plan, epochs = RankPlan.uniform(bench.sites, 8), settings.train.epochs
    with trainer(bench, plan, bench.rows["train"], num_train_epochs=epochs, eval_strategy="epoch") as plain:
        plain.eval_dataset = Rows(bench.rows["valid"], bench.task)
        began = time.perf_counter()
        plain.train()
        return time.perf_counter() - began


if __name__ == "__main__":
    main()
