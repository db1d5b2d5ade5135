r"""With which part of the fitted head a run should start: loss by part, its learning rate tuned for each.

python -m benchmarks.head_start --data ../shared/data
python -m benchmarks.head_start --data ../shared/data --sets sst_score phrasebank --train-rows 1000 --seeds 2
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.compare.plans import trains
from benchmarks.compare.results import Floats
from benchmarks.compare.scale import SHORT
from benchmarks.compare.sets import SETS, load, split_set
from benchmarks.compare.stand import Stand, test_losses, tuned, with_all_seeds
from darse.data.load import load_labelled
from darse.ranks.plan import RankPlan

PARTS = (1.0, 0.5, 0.2, 0.1, 0.0)
RANK = 4
START = 0.002
_HEADER = (
    "| set | part of the fitted head | learning rate | loss on validation | on test | difference to the whole |\n"
    "|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Measured:
    """Runs that start with one part.

    Attributes:
        rate: The learning rate that was chosen on validation.
        valid: Search loss on validation, mean over seeds.
        test: Loss of each test row, mean over seeds: 0/1 error, or squared error.
    """

    rate: float
    valid: float
    test: Floats


def main() -> None:
    """Print a line per set and part."""
    sets = [name for name, one in SETS.items() if not one.is_tenfold]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", choices=sets, default=sets)
    parser.add_argument("--train-rows", type=int, default=SHORT.train_rows)
    parser.add_argument("--seeds", type=int, default=SHORT.seeds)
    parser.add_argument("--parts", nargs="+", type=float, default=PARTS)
    options = parser.parse_args()
    scale = replace(SHORT, train_rows=options.train_rows, seeds=options.seeds)
    print(_HEADER, flush=True)
    for name in options.sets:
        one = SETS[name]
        task = load_labelled(options.data / one.file, one.columns, seed=0).task
        _print_set(name, Stand(load(split_set(options.data, one, scale), task), scale, Path()), options.parts)


def _print_set(name: str, stand: Stand, parts: Sequence[float]) -> None:
    whole: Measured | None = None
    for part in parts:
        with tempfile.TemporaryDirectory() as folder:
            found = _measured(replace(stand, folder=Path(folder), more={"head_start": part}))
        whole = whole or found
        gain = found.test - whole.test
        width = 1.96 * gain.std() / np.sqrt(len(gain))
        print(
            f"| {name} | {part:g} | {found.rate:g} | {found.valid:.4f} | {found.test.mean():.4f} "
            f"| {gain.mean():+.4f} ± {width:.4f} |",
            flush=True,
        )


def _measured(stand: Stand) -> Measured:
    run = trains(stand, RankPlan.uniform(stand.bench.sites, RANK))
    first = tuned(run, START)
    runs = with_all_seeds(stand, run, first)
    losses = np.stack([test_losses(stand.bench, one.test()) for one in runs]).mean(axis=0)
    return Measured(first.rate, float(np.mean([one.score for one in runs])), losses)


if __name__ == "__main__":
    main()
