"""The command: plan, run what is missing, write the page."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType

from benchmarks.compare.cells import Cell, cells, corrected
from benchmarks.compare.methods import METHODS
from benchmarks.compare.page import page
from benchmarks.compare.results import Record, read
from benchmarks.compare.scale import FULL, SHORT, Scale
from benchmarks.compare.sets import SETS
from benchmarks.compare.worker import run_missing


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 if every asked cell has its line, 1 if some failed."""
    options = _parse(arguments)
    scale = _scale(options)
    wanted = cells(options.only, options.sets, scale)
    if options.plan:
        print(_plan(wanted, read(options.results)))
        return 0
    signal.signal(signal.SIGTERM, _stop)
    began = time.monotonic()
    failed = run_missing(
        wanted,
        data=options.data,
        results=options.results,
        work=options.work or Path(tempfile.gettempdir()) / "darse-compare",
        is_over=lambda: options.minutes is not None and time.monotonic() - began >= 60 * options.minutes,
        say=lambda line: print(line, file=sys.stderr, flush=True),
    )
    written = page(read(options.results), scale)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(written, encoding="utf-8")
    print(written)
    return 1 if failed else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description="Compare DARSE with other ways.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--results", type=Path, default=Path("compare.jsonl"), help="the results file")
    parser.add_argument("--out", type=Path, default=Path("docs/compare.md"), help="the page")
    parser.add_argument("--work", type=Path, help="folder for unfinished cells")
    parser.add_argument("--only", nargs="+", choices=list(METHODS), default=list(METHODS), metavar="METHOD")
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS), metavar="SET")
    parser.add_argument("--full", action="store_true", help="every row and five seeds")
    parser.add_argument("--minutes", type=float, help="start no cell after so many minutes")
    parser.add_argument("--plan", action="store_true", help="print the estimated minutes of each cell and run nothing")
    for name, about in _SIZES.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, help=about)
    parser.add_argument("--model", help="base model: minilm, or a folder")
    return parser.parse_args(arguments)


_SIZES = {
    "seeds": "runs of the chosen setting, two or more",
    "train_rows": "training rows at the most",
    "valid_rows": "validation rows at the most",
    "fold_search_rows": "rows of the search before a cross-validation",
    "folds": "folds of the cross-validation",
    "epochs": "epochs of a full run",
    "greedy_trials": "runs at the most of the published greedy search",
    "max_rank": "highest rank of a search",
}


def _scale(options: argparse.Namespace) -> Scale:
    given = {name: getattr(options, name) for name in (*_SIZES, "model") if getattr(options, name) is not None}
    scale = replace(FULL if options.full else SHORT, **given)
    if scale.seeds < 2:
        raise SystemExit("--seeds must be 2 or more: an interval over seeds needs two")
    return scale


def _plan(wanted: Sequence[Cell], done: dict[str, Record]) -> str:
    """Minutes of each cell, the finished ones and the total."""
    minutes = corrected(wanted, done)
    lines = [f"{minutes[cell.key]:7.1f}  {cell.label}{'  (finished)' if cell.key in done else ''}" for cell in wanted]
    left = sum(minutes[cell.key] for cell in wanted if cell.key not in done)
    return "\n".join(["minutes  cell", *lines, f"{left:7.1f}  left of {sum(minutes.values()):.1f}"])


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
