"""One scenario as a command: `python -m tests.store.scenarios.run R3 FOLDER` prints its result as JSON."""

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


def main() -> None:
    """Run a scenario in a fresh folder and print what it reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("id", choices=LONG)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--long", action="store_true")
    given = parser.parse_args()
    scenario = (LONG if given.long else SHORT)[given.id]
    given.folder.mkdir(parents=True)
    print(json.dumps(asdict(scenario(given.folder))))


if __name__ == "__main__":
    main()
