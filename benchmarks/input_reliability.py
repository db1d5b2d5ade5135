"""The long form of the tests on hostile input, and the rows that docs/reliability.md has of them.

    python benchmarks/input_reliability.py

Runs each group of tests with 2,000 examples a property instead of 100 (where a property does not bound them itself)
and prints how many cases passed. Exit 1 if one failed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GROUPS: dict[str, tuple[str, Sequence[str]]] = {
    "I1": ("hostile labelled files, pipes, devices and links", ["tests/attacks/test_data_files.py"]),
    "I2": (
        "labels that only look like numbers or classes",
        ["tests/attacks/test_data_labels.py", "tests/data/test_labels.py"],
    ),
    "I3": ("what is written is read back", ["tests/data/test_write.py"]),
    "I4": ("arbitrary bytes as any input", ["tests/attacks/test_data_bytes.py", "tests/model/test_weights.py"]),
    "I5": ("plans: cost, merging, rank 0, saving", ["tests/ranks/test_plan.py", "tests/model/test_lora.py"]),
    "I6": ("the store against a dictionary", ["tests/store/test_stateful.py"]),
    "I7": (
        "payloads in model folders and adapters",
        ["tests/attacks/test_adapter_base.py", "tests/attacks/test_adapter_damage.py"],
    ),
    "I8": ("banned calls in the package", ["tests/attacks/test_banned_calls.py"]),
    "I9": ("hostile names in every argument", ["tests/test_names.py", "tests/attacks/test_cli_names.py"]),
    "H5, H10, H11, H12, I9": (
        "hostile bodies, bytes, names, hosts, origins and tokens in requests",
        ["tests/attacks/test_serve_requests.py"],
    ),
    "H6": ("schemathesis on the published OpenAPI", ["tests/serve/test_schema.py"]),
    "H12": ("script strings in names and texts of a report", ["tests/attacks/test_report_texts.py"]),
    "H13": ("addresses of alerts that lead inside, redirect or show a secret", ["tests/attacks/test_notify.py"]),
    "H14": ("targets of alerts that are away", ["tests/monitor/test_guard.py"]),
    "H15": ("a file scored against the same rows served", ["tests/serve/test_same_scores.py"]),
}


def main() -> int:
    """Print one line per group."""
    failed = 0
    for name, (what, files) in GROUPS.items():
        command = [sys.executable, "-m", "pytest", "-q", "--no-header", *files]
        variables = {**os.environ, "HYPOTHESIS_PROFILE": "long", "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
        counts = {word: int(count) for count, word in re.findall(r"(\d+) (passed|failed|error|skipped)", done.stdout)}
        bad = counts.get("failed", 0) + counts.get("error", 0) + (done.returncode not in {0, 1})
        failed += bad
        places = ", ".join(f"`{file}`" for file in files)
        print(f"| {name} | {what} | {counts.get('passed', 0)} cases, {bad} failed | 0 | {places} |", flush=True)
        if bad:
            print(done.stdout[-4000:], file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
