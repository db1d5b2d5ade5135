"""R1 and R2 in full: `python benchmarks/search_reliability.py [--kills 200] [--seed 0] [--out FILE]`.

Kills searches with a fast made-up objective at random moments (SIGKILL), starts them again, and prints what that
cost. Exit 1 if a target is missed. Linux only; about a second and a half for each kill.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.search.killing import Toll, kill_searches, trials_in, uninterrupted  # noqa: E402 - the root is found first

FIRST_TRIAL_S = 2.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="how often a living search is killed")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--out", type=Path, help="also write a Markdown table to this file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="darse-search-") as name:
        expected = uninterrupted(Path(name) / "whole")
        toll = kill_searches(Path(name) / "searches", given.kills, seed=given.seed, expected=expected)
    rows = rows_of(toll, trials_in(expected))
    for test, what, figure, target, is_reached in rows:
        print(f"{test} {'ok' if is_reached else 'missed':6} {what}: {figure} (target: {target})")
    if given.out is not None:
        given.out.write_text(table_of(rows, given.kills, given.seed))
    return 0 if all(row[-1] for row in rows) else 1


def rows_of(toll: Toll, trials: int) -> list[tuple[str, str, str, str, bool]]:
    """Id, what is counted, the figure, the target, and whether it is reached."""
    slowest = max(toll.waits)
    waits = (
        f"{slowest:.2f} s at the most, {statistics.median(toll.waits):.2f} s in the middle, {len(toll.waits)} starts"
    )
    return [
        ("R1", f"finished trials lost by {toll.kills} kills", str(toll.lost), "0", toll.lost == 0),
        ("R1", f"finished trials done again, of {toll.evaluations} evaluations", str(toll.twice), "0", not toll.twice),
        ("R1", "trials left running after the next start", str(toll.left), "0", toll.left == 0),
        ("R1", "from a start to its first new trial", waits, f"{FIRST_TRIAL_S:.0f} s", slowest <= FIRST_TRIAL_S),
        (
            "R2",
            f"searches whose findings or table of {trials} trials differ from an undisturbed one",
            str(toll.differences),
            "0",
            toll.differences == 0,
        ),
    ]


def table_of(rows: list[tuple[str, str, str, str, bool]], kills: int, seed: int) -> str:
    lines = [
        f"Printed by `python benchmarks/search_reliability.py --kills {kills} --seed {seed}`.",
        "",
        "| id | what is counted | figure reached | target | reached |",
        "|---|---|---|---|---|",
        *(f"| {one[0]} | {one[1]} | {one[2]} | {one[3]} | {'yes' if one[4] else 'no'} |" for one in rows),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
