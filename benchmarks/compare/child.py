"""One cell in a process of its own: what to do on the standard input, its result in a file."""

from __future__ import annotations

import json
import os
import sys
import threading
import warnings
from pathlib import Path

from benchmarks.compare.methods import METHODS
from benchmarks.compare.results import Record
from benchmarks.compare.scale import Scale
from benchmarks.compare.sets import SETS, load, split_set
from benchmarks.compare.stand import Stand
from darse.data.load import load_labelled


def main() -> None:
    """Read the cell, run it, write its result."""
    asked = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    warnings.simplefilter("ignore")
    folder = Path(asked["folder"])
    record = run(
        asked["method"],
        asked["set"],
        asked["part"],
        Scale(**asked["scale"]),
        Path(asked["data"]),
        folder,
        asked["given"],
    )
    (folder / "record.json").write_text(json.dumps(record), encoding="utf-8")


def run(method: str, name: str, part: str, scale: Scale, data: Path, folder: Path, given: Record) -> Record:
    """The line of a cell, without what the parent adds."""
    one, how = SETS[name], METHODS[method]
    if one.is_tenfold:
        from benchmarks.compare import tenfold  # a study's parts take a while to load

        if part == "search":
            return tenfold.search(data, one, scale, folder)
        return tenfold.fold(data, one, scale, folder, place=int(part.split()[1]), found=given)
    task = load_labelled(data / one.file, one.columns, seed=0).task
    rows = load(split_set(data, one, scale), task)
    stand = Stand(rows, scale, folder, how.start or Stand.start, given)
    record = how.code()(stand, **how.options)
    assert isinstance(record, dict)
    return record


def _end_with_parent() -> None:
    """The parent holds the other end of the standard input; it closes when the parent is gone."""
    while sys.stdin.readline():
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
