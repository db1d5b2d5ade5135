r"""Rows per second of scoring, by `pipeline` with the merged model and by an onnx export, side by side, and agreement.

darse export FOLDER --profile onnx -o fast
python -m benchmarks.scoring fast --data ../shared/data/cr/cr.csv --text text

The pipeline gets the batch size of `--batch-sizes` at which it is fastest on the first rows. Both sides read the same
texts from memory and take all processors; each is warmed, then measured by turns.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from transformers import Pipeline, pipeline

from darse.data.read import read_rows
from darse.data.reading import Reading
from darse.environment import prepare_command, prepare_computing
from darse.model.loading import quiet
from darse.model.reload import load_adapter
from darse.score.agreement import Agreement
from darse.score.scorer import AdapterScorer, Computing, TorchModel
from darse.settings import DataSettings
from darse.train.encode import encode

BATCH_SIZES = (1, 8, 16, 32, 64)
_TRIED_ROWS = 512

Texts = Sequence[str]


def main() -> None:
    """Print a table, then the agreement."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path, help="an onnx export")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--text", default="text")
    parser.add_argument("--target")
    parser.add_argument("--rows", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=BATCH_SIZES)
    options = parser.parse_args()
    prepare_command()
    prepare_computing()
    texts = _texts(options.data, options.text, options.rows)
    targets = _texts(options.data, options.target, options.rows) if options.target else None
    fast = AdapterScorer.open(options.folder)
    loaded = load_adapter(options.folder)
    ours = AdapterScorer(loaded.manifest, loaded.tokenizer, TorchModel(loaded.model))
    classify, size = _fastest(options.folder, texts, targets, options.batch_sizes)
    sides: dict[str, Callable[[], object]] = {
        f"transformers.pipeline, batch size {size}": lambda: _piped(classify, texts, targets, size),
        "darse, torch float32": lambda: ours.score(texts, targets),
        f"darse, {fast.computing.name}": lambda: fast.score(texts, targets),
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(options.rounds):
        for name, run in sides.items():
            seconds[name].append(_seconds(run))
    _print(len(texts), {name: float(np.median(found)) for name, found in seconds.items()})
    print(f"\n{_agreement(fast, ours.computing, texts, targets)}; {fast.manifest.about['onnx']}")


def _texts(path: Path, column: str, rows: int) -> list[str]:
    found = read_rows(path, Reading.of(DataSettings()), whole=True)
    return [str(row.cells[column]) for row in islice(found, rows) if row.problem is None]


def _fastest(folder: Path, texts: Texts, targets: Texts | None, sizes: Sequence[int]) -> tuple[Pipeline, int]:
    with quiet():
        # scores of one output are a regression, which the pipeline otherwise squeezes
        made = pipeline("text-classification", model=str(folder), device="cpu", top_k=None, function_to_apply="none")
    first, aimed = texts[:_TRIED_ROWS], None if targets is None else targets[:_TRIED_ROWS]
    _piped(made, first, aimed, sizes[0])
    times = {size: _seconds(lambda size=size: _piped(made, first, aimed, size)) for size in sizes}  # type: ignore[misc]
    return made, min(times, key=lambda size: times[size])


def _piped(classify: Pipeline, texts: Texts, targets: Texts | None, size: int) -> object:
    given: list[object] = list(texts)
    if targets is not None:
        given = [{"text": target, "text_pair": text} for target, text in zip(targets, texts, strict=True)]
    with torch.inference_mode():
        return classify(given, batch_size=size, truncation=True)


def _agreement(fast: AdapterScorer, exact: Computing, texts: Texts, targets: Texts | None) -> Agreement:
    from darse.data.example import Example

    aimed: Sequence[str | None] = targets if targets is not None else [None] * len(texts)
    examples = [Example(place, text, target) for place, (text, target) in enumerate(zip(texts, aimed, strict=True))]
    rows = encode(fast.tokenizer, fast.task, examples, fast.manifest.max_length)
    return Agreement.between(exact.logits(rows, lambda: None), fast.computing.logits(rows, lambda: None), fast.task)


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def _print(rows: int, seconds: dict[str, float]) -> None:
    slowest = next(iter(seconds.values()))
    print("| side | rows/s | times the pipeline |\n|---|---|---|")
    for name, took in seconds.items():
        print(f"| {name} | {rows / took:,.0f} | {slowest / took:.2f} |")


if __name__ == "__main__":
    main()
