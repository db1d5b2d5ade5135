r"""Which learning rate is best for which rank: mean validation loss of full runs, over ranks, rates and seeds.

python -m benchmarks.learning_rates --data ../shared/data/fiqa_headlines/fiqa_headlines.csv --work rates/fiqa \
        --columns score=score target=target
python -m benchmarks.learning_rates --data ../shared/data/cr/cr.csv --work rates/cr --columns label=label --rows 400
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from benchmarks.proxy import Runs, build

RANKS = (1, 4, 16)
RATES = (5e-4, 1e-3, 2e-3, 4e-3, 8e-3)
SEEDS = (0, 1)


def main() -> None:
    """Print one line per rank."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--columns", nargs="+", required=True, help="what=column, as in label=tone")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--rows", type=int, help="training rows at the most")
    parser.add_argument("--epochs", type=int, default=3)
    options = parser.parse_args()
    columns = dict(pair.split("=", 1) for pair in options.columns)
    bench = build(options.data, columns, options.work, options.rows, options.epochs)
    runs = Runs(bench, options.work)
    losses: dict[tuple[int, float], float] = {}
    for rank in RANKS:
        for rate in RATES:
            scores = [runs.at(rate, [rank] * len(bench.sites), seed).outcome.score for seed in SEEDS]
            losses[rank, rate] = float(np.mean(scores))
    print(f"\n| rank | {' | '.join(f'{rate:g}' for rate in RATES)} | best |\n|---|{'---|' * (len(RATES) + 1)}")
    for rank in RANKS:
        best = min(RATES, key=lambda rate: losses[rank, rate])
        row = " | ".join(f"{losses[rank, rate]:.3f}" for rate in RATES)
        print(f"| {rank} | {row} | {best:g} |")


if __name__ == "__main__":
    main()
