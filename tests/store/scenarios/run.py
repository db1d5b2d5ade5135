"""One scenario as a command: `python -m tests.store.scenarios.run R3 FOLDER` prints its result as JSON.

With `--store ADDRESS` those of many processes run on a database server instead of a file in the folder.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from .crowd import claim_by_many, take_over_from_stopped_workers, write_and_read_by_many
from .damage import cut_every_tail, flip_and_cut
from .disk import fill_disks, fill_mounts, use_forbidden_places
from .forks import Result
from .kill import kill_everywhere
from .schemas import open_every_schema

Scenario = Callable[[Path], Result]

SHORT: dict[str, Scenario] = {
    "R3": lambda folder: kill_everywhere(folder, stride=11),
    "R6": lambda folder: cut_every_tail(folder, stride=83),
    "R7": lambda folder: fill_disks(folder, budgets=6),
    "R8": use_forbidden_places,
    "R9": lambda folder: write_and_read_by_many(folder, writers=8, rows=8, readers=4),
    "R10": lambda folder: claim_by_many(folder, workers=10, trials=100),
    "R11": lambda folder: take_over_from_stopped_workers(folder, times=8),
    "R12": open_every_schema,
    "R13": lambda folder: flip_and_cut(folder, flips=40, cuts=40),
}
"""The form that the tests run, in seconds."""

LONG: dict[str, Scenario] = {
    "R3": lambda folder: kill_everywhere(folder, stride=1),
    "R6": lambda folder: cut_every_tail(folder, stride=1),
    "R7": lambda folder: fill_disks(folder, budgets=50),
    "R7m": lambda folder: fill_mounts(folder, budgets=10),
    "R8": use_forbidden_places,
    "R9": lambda folder: write_and_read_by_many(folder, writers=8, rows=200, readers=4),
    "R10": lambda folder: claim_by_many(folder, workers=10, trials=100),
    "R11": lambda folder: take_over_from_stopped_workers(folder, times=50),
    "R12": open_every_schema,
    "R13": lambda folder: flip_and_cut(folder, flips=500, cuts=500),
}
"""The form whose figures are promised, in minutes."""

SERVER: dict[str, Callable[[Path, str], Result]] = {
    "R9": lambda folder, place: write_and_read_by_many(folder, writers=4, rows=8, readers=2, place=place),
    "R10": lambda folder, place: claim_by_many(folder, workers=6, trials=60, place=place),
    "R11": lambda folder, place: take_over_from_stopped_workers(folder, times=8, place=place),
}
"""The short form on a database server."""


def main() -> None:
    """Run a scenario in a fresh folder and print what it reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("id", choices=LONG)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--store", help="address of a database server")
    given = parser.parse_args()
    given.folder.mkdir(parents=True)
    if given.store is not None:
        result = SERVER[given.id](given.folder, given.store)
    else:
        result = (LONG if given.long else SHORT)[given.id](given.folder)
    print(json.dumps(asdict(result)))


if __name__ == "__main__":
    main()
