"""Cells that are missing to lines of the results file, one child process after another."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.compare.cells import Cell
from benchmarks.compare.results import Record, append, claim, read
from darse.environment import prepare_computing

_HEAVY = frozenset({"losses", "tried"})


def run_missing(
    wanted: Sequence[Cell],
    *,
    data: Path,
    results: Path,
    work: Path,
    is_over: Callable[[], bool],
    say: Callable[[str], None],
) -> int:
    """Run every cell that has no line yet, in order; a cell whose needed cell is missing or failed is left out.

    Args:
        wanted: The cells.
        data: Folder of the data sets.
        results: The results file.
        work: For the cells' own folders, which are deleted as they finish.
        is_over: Whether no new cell may start.
        say: Told a line per cell.

    Returns:
        How many cells failed.
    """
    failed = 0
    for cell in wanted:
        if cell.key in read(results):
            continue
        if is_over():
            say("time is up; the same command goes on from here")
            break
        with claim(work / f"{_name(cell)}.lock") as is_ours:
            done = read(results)
            if not is_ours or cell.key in done:
                continue
            needed = cell.needs
            if needed is not None and needed.key not in done:
                say(f"{cell.label}: left out, it needs {needed.method}, {needed.part} first")
                continue
            given = done[needed.key] if needed is not None else {}
            record = _run(cell, data, work / _name(cell), given)
            if record is None:
                failed += 1
                say(f"{cell.label}: failed; see above, the next run tries again")
                continue
            append(results, record)
            say(f"{cell.label}: {float(str(record['wall_seconds'])) / 60:.1f} minutes")
    return failed


def _run(cell: Cell, data: Path, folder: Path, given: Record) -> Record | None:
    """A cell's line; None if its process failed."""
    shutil.rmtree(folder, ignore_errors=True)  # what a killed try left would spoil the clock
    folder.mkdir(parents=True)
    asked = {
        "method": cell.method,
        "set": cell.set,
        "part": cell.part,
        "scale": asdict(cell.scale),
        "data": str(data.resolve()),
        "folder": str(folder.resolve()),
        "given": {name: value for name, value in given.items() if name not in _HEAVY},
    }
    began = time.perf_counter()
    prepare_computing()  # the same threads for every method
    environment = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", **os.environ}
    child = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.compare.child"], stdin=subprocess.PIPE, stdout=sys.stderr, env=environment
    )
    assert child.stdin is not None
    try:
        # the pipe stays open: the child ends when it closes, however this process ends
        child.stdin.write(json.dumps(asked).encode() + b"\n")
        child.stdin.flush()
        status = child.wait()
    finally:
        child.kill()
        child.wait()
        child.stdin.close()
    seconds = time.perf_counter() - began
    if status:
        return None
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    shutil.rmtree(folder)
    own: Record = {
        "key": cell.key,
        "method": cell.method,
        "set": cell.set,
        "part": cell.part,
        "scale": asdict(cell.scale),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "finished": int(time.time()),
        "wall_seconds": seconds,
    }
    return {**own, **record}


def _name(cell: Cell) -> str:
    return (
        f"{cell.method}-{cell.set}-{cell.part}-".replace(" ", "-") + hashlib.sha256(cell.key.encode()).hexdigest()[:8]
    )
