"""How often insights find a planted change or claim one: `python benchmarks/insights.py [--repeats 100]`.

Writes files of many groups in which nothing changes, or one group gets worse, or one says something new, and reads each
with `find_insights`. Prints for each kind of file how often anything at all is said to move or to emerge where nothing
does, how often the planted group is found and how many days off, and the false discovery rate: the share of a file's
claims that is false (none where there is no claim), on average. Exit 1 if more
than 5 % of the files without a change get a claim. About twenty minutes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.insight.planted import FIRST, PHRASE, PLANTED, World, write_world  # noqa: E402 - the root comes first

from darse.insight.columns import Named, find_readable  # noqa: E402 - the same
from darse.insight.insights import Asked, Insights, find_insights  # noqa: E402 - the same
from darse.settings import DataSettings  # noqa: E402 - the same

WORLDS = {
    "20 groups of 60 rows": World(),
    "20 groups of 300 rows": World(rows=300),
    "20 groups of 60 rows, 5 % negative": World(negative=0.05),
    "100 groups of 60 rows": World(groups=100),
}
CHANGES = {
    "60 rows, negative 35 to 80 % for 6 months": World(rise=0.45, from_day=360),
    "120 rows, negative 35 to 65 % for 6 months": World(rows=120, rise=0.3, from_day=360),
    "300 rows, negative 35 to 55 % for 4 months": World(rows=300, rise=0.2),
    "300 rows, negative 35 to 65 % for 4 months": World(rows=300, rise=0.3),
    "1,000 rows, negative 35 to 50 % for 4 months": World(rows=1000, rise=0.15),
    "1,000 rows, negative 5 to 15 % for 4 months": World(rows=1000, negative=0.05, rise=0.1),
}
SAYINGS = {
    "300 rows, a new phrase in half of the negative texts of 2 months": World(rows=300, said=0.5, from_day=480),
    "1,000 rows, a new phrase in a tenth of the negative texts of 2 months": World(rows=1000, said=0.1, from_day=480),
    "1,000 rows, a new phrase in a quarter of the negative texts of 2 months": World(
        rows=1000, said=0.25, from_day=480
    ),
}
WRONG = 0.05
SLACK = 2.6
"""Standard errors of the simulation that the target may be missed by."""


@dataclass
class Tally:
    """What was claimed in the files of one kind."""

    files: int = 0
    moved: int = 0
    phrases: int = 0
    any_claim: int = 0
    found: int = 0
    said: int = 0
    false: float = 0.0
    days_off: list[int] | None = None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--repeats", type=int, default=100, help="files of each kind; twice as many of those without a change"
    )
    repeats = parser.parse_args().repeats
    print(f"Printed by `python benchmarks/insights.py --repeats {repeats}`.\n")
    _head("nothing changes", "a group is said to move", "a phrase is said to emerge", "anything is claimed")
    most = WRONG + SLACK * (WRONG * (1 - WRONG) / (2 * repeats)) ** 0.5
    problems = []
    for name, world in WORLDS.items():
        tally = _count(name, world, 2 * repeats)
        _row(name, *(_percent(part, tally.files) for part in (tally.moved, tally.phrases, tally.any_claim)))
        if max(tally.moved, tally.phrases) > most * tally.files:
            problems.append(name)
    print()
    _head("one of 20 groups gets worse", "it is found", "days off, median", "false claims, mean share of a file")
    for name, world in CHANGES.items():
        tally = _count(name, world, repeats)
        off = f"{np.median(tally.days_off):.0f}" if tally.days_off else "–"
        _row(name, _percent(tally.found, tally.files), off, _percent(tally.false, tally.files))
    print()
    _head("one of 20 groups says something new", "the phrase is found", "false claims, mean share of a file")
    for name, world in SAYINGS.items():
        tally = _count(name, world, repeats)
        _row(name, _percent(tally.said, tally.files), _percent(tally.false, tally.files))
    print("\n" + (f"more than {WRONG:.0%} false: {', '.join(problems)}" if problems else "the target is reached"))
    return 1 if problems else 0


def _count(name: str, world: World, repeats: int) -> Tally:
    tally = Tally(days_off=[])
    for found in _read(name, world, repeats):
        moved = [one for one in found.movements if one.direction in {"worse", "better"}]
        phrases = [one for one in found.issues if one.phrase is not None]
        tally.files += 1
        tally.moved += bool(moved)
        tally.phrases += bool(phrases)
        tally.any_claim += bool(moved or phrases)
        # all rows together do get worse with one of their groups
        real = {PLANTED, "all rows"} if world.rise or world.said else set()
        own = [one for one in moved if one.name == PLANTED and one.direction == "worse"]
        tally.found += bool(own)
        tally.said += any(_is_planted(one.phrase.name) for one in phrases if one.phrase and one.group in real)
        false = sum(one.name not in real or not world.rise for one in moved)
        false += sum(not (one.phrase and _is_planted(one.phrase.name) and one.group in real) for one in phrases)
        tally.false += false / max(1, len(moved) + len(phrases))
        if own and own[0].changes and tally.days_off is not None:
            began = FIRST.toordinal() + world.from_day
            tally.days_off.append(min(abs(change.day - began) for change in own[0].changes))
    return tally


def _is_planted(phrase: str) -> bool:
    return bool(set(phrase.split()) & set(PHRASE.split()))


def _read(name: str, world: World, repeats: int) -> Iterator[Insights]:
    stream = np.random.default_rng([len(name), *name.encode()])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "world.csv"
        for time in range(repeats):
            write_world(path, world, stream)
            yield find_insights(find_readable(path, Named(DataSettings())), Asked(seed=time))


def _head(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |\n|{'---|' * len(cells)}", flush=True)


def _row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


def _percent(part: float, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


if __name__ == "__main__":
    sys.exit(main())
