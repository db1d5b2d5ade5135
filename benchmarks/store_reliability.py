"""The long form of the store's reliability tests: `python benchmarks/store_reliability.py [--out FILE]`.

Prints a line for each test with the figure it reached and the one it has to reach; exit 1 if one is missed. With
`--out` the same is written as a Markdown table. Takes a few minutes; Linux only, R7m and R8 say most as root.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.store.scenarios.forks import Result  # noqa: E402 - the repository's root has to be found first
from tests.store.scenarios.run import LONG  # noqa: E402 - the same


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="also write a Markdown table to this file")
    parser.add_argument("--only", nargs="*", choices=LONG, default=list(LONG), help="ids of the tests to run")
    given = parser.parse_args()
    results = []
    for name in given.only:
        started = time.monotonic()
        results.append(run(name))
        print(line_of(results[-1], time.monotonic() - started), flush=True)
    if given.out is not None:
        given.out.write_text(table_of(results))
    return 1 if any(result.problems for result in results) else 0


def run(name: str) -> Result:
    """A scenario's result, from a process of its own; one that dies is a missed target."""
    with tempfile.TemporaryDirectory(prefix="darse-reliability-") as folder:
        command = [sys.executable, "-m", "tests.store.scenarios.run", name, f"{folder}/run", "--long"]
        ended = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if ended.returncode != 0:
        return Result(name, "did not run", f"exit code {ended.returncode}", "0", ["the scenario did not end"])
    return Result(**json.loads(ended.stdout))


def line_of(result: Result, seconds: float) -> str:
    verdict = "missed" if result.problems else "ok"
    first = "".join(f"\n      {problem}" for problem in result.problems[:10])
    return f"{result.id:4} {verdict:6} {result.what}: {result.figure} (target: {result.target}; {seconds:.0f} s){first}"


def table_of(results: Sequence[Result]) -> str:
    rows = [
        f"| {result.id} | {result.what} | {result.figure} | {result.target} | {'no' if result.problems else 'yes'} |"
        for result in results
    ]
    head = ["| id | what is done | figure reached | target | reached |", "|---|---|---|---|---|"]
    return "\n".join(["Printed by `python benchmarks/store_reliability.py`.", "", *head, *rows]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
