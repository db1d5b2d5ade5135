r"""How often the gate fails an equal candidate, and how often it catches a planted drop, on real predictions.

python -m benchmarks.gate --data ../shared/data/financial_phrasebank/sentences_50agree.csv --work FOLDER

Two adapters are trained on the same rows of a set with different seeds; their answers on the rows that neither has seen
are the pool. A trial draws rows of the pool, and for each row throws a coin which of the two answers is the baseline's
and which the candidate's: the two are then equally good, and differ as often as two real adapters do. A drop is planted
by turning right answers of the candidate wrong, so that it loses the given part of all rows on average.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import darse
from benchmarks.monitor import labelled
from darse.data.write import write_rows
from darse.settings import DataSettings
from darse.store.open import open_store
from darse.testing.cells import compute_cell
from darse.testing.dataset import read_dataset
from darse.testing.entry import adapter_entry
from darse.testing.evidence import DEFAULT_ALPHAS, evidence_of
from darse.testing.policy import Mode
from darse.testing.quality import judge_cell

MODES: tuple[Mode, ...] = ("not_worse", "regression")
_MARGIN = 0.02
_SHARES = (0.02, 0.05, 0.1, 0.15)


def main() -> None:
    """Print a row for each mode, drop and number of rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True, help="with columns text and label")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--train-rows", type=int, default=1000)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--sizes", type=int, nargs="+", help="rows (1,000, 2,500 and what the gate asks for)")
    parser.add_argument("--drop", type=float, default=0.02)
    options = parser.parse_args()
    _print_rows()
    pool = _pool(options.work, options.data, options.train_rows)
    wrong = pool.mean(axis=0)
    print(
        f"pool: {len(pool)} rows that neither adapter has seen, accuracy {1 - wrong[0]:.1%} and {1 - wrong[1]:.1%}, "
        f"one right and the other wrong on {(pool[:, 0] != pool[:, 1]).mean():.1%}\n"
    )
    needed = evidence_of(pool[:, 0], pool[:, 1], "accuracy", margin=_MARGIN).needed
    print(f"rows that the gate asks for: {', '.join(f'{mode} {rows:,}' for mode, rows in needed.items())}\n")
    alphas = ", ".join(f"alpha of {mode} {alpha}" for mode, alpha in DEFAULT_ALPHAS.items())
    print(f"{options.trials} trials each, margin {_MARGIN:.0%} of the rows, {alphas}:\n")
    sizes = options.sizes or (1000, 2500, 500 * math.ceil(max(needed.values()) / 500))
    heading = ["mode", "candidate", "rows", "passed", "failed", "cannot tell", "not passed"]
    for row in (heading, ["---"] * len(heading)):
        print(f"| {' | '.join(row)} |")
    stream = np.random.default_rng(0)
    for drop, name in ((0.0, "equal"), (options.drop, f"{options.drop:.0%} of the rows worse")):
        for size in sizes:
            found = [_trial(pool, size, drop, stream) for _ in range(options.trials)]
            for mode in MODES:
                counts = Counter(outcomes[mode] for outcomes in found)
                shares = [counts[outcome] / options.trials for outcome in ("passed", "failed", "undecided")]
                cells = [*(f"{share:.1%}" for share in shares), f"{1 - shares[0]:.1%}"]
                print(f"| {' | '.join([mode, name, f'{size:,}', *cells])} |", flush=True)


def _print_rows() -> None:
    """Rows that the gate asks for, by margin and by how often two adapters differ."""
    print("Rows that the gate asks for, by the share of rows that only one of the two has right:\n")
    heading = ["mode", "margin", *(f"{share:.0%}" for share in _SHARES)]
    for row in (heading, ["---"] * len(heading)):
        print(f"| {' | '.join(row)} |")
    for mode in MODES:
        for margin in (0.02, 0.05):
            rows = [_rows(mode, margin, share) for share in _SHARES]
            print(f"| {' | '.join([mode, f'{100 * margin:.0f} points', *(f'{one:,}' for one in rows)])} |")
    print()


def _rows(mode: Mode, margin: float, share: float) -> int:
    """Rows that a gate asks for where two equally good adapters differ on a share of them."""
    baseline, candidate = np.zeros(10_000), np.zeros(10_000)
    half = round(share * 5_000)
    baseline[:half], candidate[half : 2 * half] = 1.0, 1.0
    return evidence_of(baseline, candidate, "accuracy", margin=margin).needed[mode]


def _trial(pool: NDArray[np.float64], size: int, drop: float, stream: np.random.Generator) -> dict[str, str]:
    """What each mode says of a candidate that is as good as the baseline, less a drop."""
    rows = pool[stream.choice(len(pool), size)]
    coin = stream.integers(0, 2, size)
    baseline, candidate = rows[np.arange(size), coin], rows[np.arange(size), 1 - coin]
    is_broken = stream.random(size) < drop / (1 - float(pool.mean()))
    evidence = evidence_of(baseline, np.maximum(candidate, is_broken), "accuracy", margin=_MARGIN)
    return {mode: evidence.outcome(mode) for mode in MODES}


def _pool(work: Path, data: Path, train_rows: int) -> NDArray[np.float64]:
    """Whether each of two adapters is wrong on each row that they have not seen, shape (rows, 2)."""
    texts, labels = labelled(data)
    order = np.random.default_rng(0).permutation(len(texts))
    work.mkdir(parents=True, exist_ok=True)
    files = {}
    for name, places in (("seen", order[:train_rows]), ("unseen", order[train_rows:])):
        files[name] = work / f"{name}.csv"
        rows = [{"text": texts[at], "label": labels[at]} for at in places]
        write_rows(files[name], ["text", "label"], rows)
    unseen = read_dataset(str(files["unseen"]), DataSettings())
    with open_store(work / "cells.db") as store:
        cells = [compute_cell(store, adapter_entry(_study(work, files["seen"], seed)), unseen) for seed in (0, 1)]
    return np.stack([judge_cell(cell, unseen).losses("accuracy") for cell in cells], axis=1)


def _study(work: Path, source: Path, seed: int) -> Path:
    """The folder of a short study of the rows; one that is there already is taken."""
    folder = work / f"study-{seed}"
    darse.explore(
        source, text="text", label="label", out=folder, seed=seed, epochs=3, learning_rates=(4e-3,), max_trials=1
    )
    return folder


if __name__ == "__main__":
    main()
