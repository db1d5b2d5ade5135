"""The engine against Hugging Face `Trainer` with PEFT, side by side in one process: rows per second and ratios.

    python -m benchmarks.engine --data ../shared/data/cr/cr.csv

Both sides get the same model, plan, batch size, length limit, dropout and rows; the Trainer groups by length. The
two take turns, and a ratio is the median over the pairs of turns, so that a busy machine slows both.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import transformers
from peft import get_peft_model
from transformers import DataCollatorWithPadding, Trainer

from benchmarks.compare.trainer import Rows, plain_arguments
from darse.data.load import load_labelled
from darse.execute.bench import Bench
from darse.execute.evaluator import Feedback
from darse.execute.finetune import Finetune
from darse.execute.ground import find_ground
from darse.execute.truncate import Truncate
from darse.model.adapter import plan_config
from darse.model.precision import resolved
from darse.model.weights import frozen_depth, head_names
from darse.ranks.plan import RankPlan, ranks_by_weight
from darse.settings import settings_from_options
from darse.store.open import open_store
from darse.store.trial import Trial, TrialSpec
from darse.train.encode import Encoded
from darse.train.loop import Observer, Schedule, train
from darse.train.lower import run_lower

RATE, EPOCHS = 2e-3, 3


def main() -> None:
    """Print one line per plan for training, one for evaluation, one for a cut."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--rows", type=int, default=800, help="training rows of a turn")
    parser.add_argument("--pairs", type=int, default=5, help="turns of each side")
    options = parser.parse_args()
    transformers.logging.set_verbosity_error()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        bench = build(options.data, options.model, Path(folder))
        print(f"{os.cpu_count()} cores, {torch.get_num_threads()} threads, torch {torch.__version__}")
        print("what                                | Trainer + PEFT | darse | ratio (median of pairs)")
        depth = len(bench.sites)
        rows = some_rows(bench.rows["train"], options.rows)
        plans = {
            "training, rank 8, all layers": [8] * depth,
            "training, rank 2, all layers": [2] * depth,
            "training, rank 8, upper half": [0] * (depth - depth // 2) + [8] * (depth // 2),
            "training, rank 8, top layer": [0] * (depth - 1) + [8],
        }
        for name, ranks in plans.items():
            plan = RankPlan.of(ranks)
            report(name, len(rows), options.pairs, theirs_trains(bench, plan, rows), ours_trains(bench, plan, rows))
        plan = RankPlan.of(plans["training, rank 8, all layers"])
        exact = in_float32(bench)
        name = "the first, both in float32"
        report(name, len(rows), options.pairs, theirs_trains(exact, plan, rows), ours_trains(exact, plan, rows))
        size = best_batch_size(bench, plan, rows)
        theirs = theirs_evaluates(bench, plan, rows, size)
        for name, is_exact in (("evaluation, float32", True), ("evaluation, as of cuts", False)):
            ours = ours_evaluates(bench, plan, rows, is_exact=is_exact)
            report(f"{name} (Trainer: {size})", len(rows), options.pairs, theirs, ours)
        proxy(bench)


def build(data: Path, model: str, folder: Path) -> Bench:
    """The rows and the model."""
    settings = resolved(settings_from_options({"model": model, "epochs": EPOCHS}))
    labelled = load_labelled(data, settings.data, seed=0)
    ground = find_ground(settings, labelled.task)
    return ground.bench(labelled, settings, open_store(folder / "study.db"), folder / "checkpoints")


def in_float32(bench: Bench) -> Bench:
    """The same that trains in float32, as the Trainer does by default."""
    train = bench.settings.train.model_copy(update={"precision": "float32"})
    return replace(bench, settings=bench.settings.model_copy(update={"train": train}))


def some_rows(rows: Encoded, count: int) -> Encoded:
    """Rows of a split at even distances, at most so many: files are often sorted by label."""
    return rows.at(np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(np.intp)))


@contextlib.contextmanager
def trainer(
    bench: Bench, plan: RankPlan, rows: Encoded, valid: Encoded | None = None, **options: object
) -> Iterator[Trainer]:
    """A Trainer over a PEFT model of the plan."""
    model = bench.base.classifier(bench.task)
    names = head_names(model)
    config = plan_config(
        ranks_by_weight(plan, bench.sites), alpha=bench.settings.train.alpha, base_name=bench.base.name, head=names
    )
    with tempfile.TemporaryDirectory() as folder:
        arguments = plain_arguments(
            folder, batch_size=bench.settings.train.batch_size, learning_rate=RATE, seed=0, **options
        )
        yield Trainer(
            get_peft_model(model, config),
            arguments,
            train_dataset=Rows(rows, bench.task),
            eval_dataset=None if valid is None else Rows(valid, bench.task),
            data_collator=DataCollatorWithPadding(bench.base.tokenizer),
        )


def theirs_trains(bench: Bench, plan: RankPlan, rows: Encoded) -> Callable[[], float]:
    """Seconds of one epoch with the Trainer."""

    def turn() -> float:
        with trainer(bench, plan, rows) as theirs:
            return seconds(theirs.train)

    return turn


def ours_trains(bench: Bench, plan: RankPlan, rows: Encoded) -> Callable[[], float]:
    """Seconds of one epoch here, without validation, as on the other side.

    The layers below the lowest pair have run before, as they have in a search after the first plan of that depth.
    """
    start = bench.starting_weights(plan, 0)
    depth = frozen_depth(bench.model, start)
    lower = run_lower(bench.model, rows, depth) if depth else None

    def turn() -> float:
        return seconds(
            lambda: train(
                bench.model,
                start,
                rows,
                task=bench.task,
                settings=bench.settings.train,
                schedule=Schedule(RATE, epochs=1, seed=0),
                validate=lambda: 0.0,
                checkpoint=Forgetful(),
                observer=Observer(),
                lower=lower,
            )
        )

    return turn


class Forgetful:
    """A checkpoint that keeps nothing."""

    def load(self) -> None:
        """Nothing."""

    def save(self, snapshot: object) -> None:
        """Nowhere."""


def theirs_evaluates(bench: Bench, plan: RankPlan, rows: Encoded, size: int) -> Callable[[], float]:
    """Seconds of a pass with the Trainer."""

    def turn() -> float:
        with trainer(bench, plan, rows, per_device_eval_batch_size=size) as theirs:
            return seconds(lambda: theirs.predict(Rows(rows, bench.task)))

    return turn


def ours_evaluates(bench: Bench, plan: RankPlan, rows: Encoded, *, is_exact: bool) -> Callable[[], float]:
    """Seconds of a pass here."""
    weights = bench.starting_weights(plan, 0)
    here = replace(bench, rows={**bench.rows, "valid": rows})
    return lambda: seconds(lambda: here.logits(weights, "valid", lambda: None, is_exact=is_exact))


def best_batch_size(bench: Bench, plan: RankPlan, rows: Encoded) -> int:
    """The evaluation batch size at which the Trainer is fastest."""
    return min((8, 16, 32, 64), key=lambda size: theirs_evaluates(bench, plan, rows, size)())


def proxy(bench: Bench) -> None:
    """Seconds of a cut plan's score against those of its parent's training, on all rows."""
    plan = RankPlan.uniform(bench.sites, 16)
    spec = TrialSpec(plan, 0, RATE, EPOCHS)
    began = time.perf_counter()
    outcome = Finetune(bench).evaluate("run", spec, [], Feedback())
    full = time.perf_counter() - began
    parent = Trial("run", spec, outcome)
    cut = Truncate(bench)
    depth = len(bench.sites)
    plans = [plan.replace(site, rank) for site in range(depth) for rank in (0, 1, 4)]
    plans += [RankPlan.uniform(bench.sites, rank) for rank in (1, 2, 4, 8)]
    began = time.perf_counter()
    for one in plans:
        cut.evaluate("cut", TrialSpec(one, 0, 0.0, 0, "truncate", ("run",)), [parent], Feedback())
    mean = (time.perf_counter() - began) / len(plans)
    print(f"a cut plan's score: {mean:.2f} s, mean of {len(plans)}; a fine-tune of {EPOCHS} epochs: {full:.1f} s")
    print(f"a cut costs {mean / full:.1%} of a fine-tune")


def report(name: str, rows: int, pairs: int, theirs: Callable[[], float], ours: Callable[[], float]) -> None:
    """One line: rows per second of both, and their ratio."""
    theirs(), ours()
    turns = [(theirs(), ours()) for _ in range(pairs)]
    first, second = (rows / float(np.median(column)) for column in zip(*turns, strict=True))
    ratio = float(np.median([one / other for one, other in turns]))
    print(f"{name:35} | {first:8.0f} rows/s | {second:4.0f} rows/s | {ratio:.2f}", flush=True)


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
