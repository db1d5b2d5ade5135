"""Training with bfloat16 products of the frozen weights against float32: validation loss and seconds, seed by seed.

    python benchmarks/precision.py --data ../shared/data

Same rows, plan, learning rate and seeds; evaluation is float32 on both sides, which take turns.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from darse.data.load import load_labelled
from darse.execute.evaluator import Feedback
from darse.execute.finetune import Finetune
from darse.execute.ground import find_ground
from darse.ranks.plan import RankPlan
from darse.settings import Options, settings_from_options
from darse.store.open import open_store
from darse.store.trial import TrialSpec

SETS: dict[str, Options] = {
    "fiqa_headlines/fiqa_headlines.csv": {"score": "score", "target": "target"},
    "cr/cr.csv": {"label": "label"},
}
RATE, EPOCHS, RANK = 2e-3, 3, 8


def main() -> None:
    """Print a line per set and seed, and one per set for the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    print("set | seed | loss float32 | loss bfloat16 | seconds float32 | seconds bfloat16 | ratio", flush=True)
    for file, columns in SETS.items():
        turns = []
        for seed in range(options.seeds):
            wide, narrow = (once(options.data / file, columns, name, seed) for name in ("float32", "bfloat16"))
            turns.append((wide[0], narrow[0], wide[1], narrow[1]))
            show(file, str(seed), *turns[-1])
        show(file, "mean", *np.mean(turns, axis=0))
        spread = np.std([turn[0] for turn in turns], ddof=1)
        gap = max(abs(turn[0] - turn[1]) for turn in turns)
        print(f"{file} | largest difference {gap:.4f}, standard deviation over seeds {spread:.4f}", flush=True)


def once(file: Path, columns: Options, precision: str, seed: int) -> tuple[float, float]:
    """Validation loss and seconds of one run."""
    with tempfile.TemporaryDirectory() as folder:
        settings = settings_from_options({**columns, "epochs": EPOCHS})
        settings = settings.model_copy(update={"train": settings.train.model_copy(update={"precision": precision})})
        data = load_labelled(file, settings.data, seed=0)
        store = open_store(Path(folder) / "study.db")
        bench = find_ground(settings, data.task).bench(data, settings, store, Path(folder) / "checkpoints")
        plan = RankPlan.uniform(bench.sites, RANK)
        bench.starting_weights(plan, seed)  # the head is fitted before the clock starts
        began = time.perf_counter()
        outcome = Finetune(bench).evaluate("run", TrialSpec(plan, seed, RATE, EPOCHS), [], Feedback())
        return outcome.score, time.perf_counter() - began


def show(file: str, seed: str, wide: float, narrow: float, wide_s: float, narrow_s: float) -> None:
    """One line."""
    print(
        f"{file} | {seed} | {wide:.4f} | {narrow:.4f} | {wide_s:.1f} | {narrow_s:.1f} | {wide_s / narrow_s:.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
