"""What `make demo` takes on this machine once everything is installed: minutes, peak memory, and what it finds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Print one line."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        process = subprocess.Popen(["make", "demo", f"OUT={folder}/demo"], cwd=ROOT, stdout=sys.stderr)
        _, status, usage = os.wait4(process.pid, 0)
        minutes = (time.perf_counter() - began) / 60
        if status:
            return 1
        found = json.loads((Path(folder) / "demo" / "verdict.json").read_text(encoding="utf-8"))
    plan = " ".join(map(str, found["plan"].values()))
    print(
        f"{os.cpu_count()} cores: {minutes:.1f} minutes, {found['seconds'] / 60:.1f} of them in trials; peak memory "
        f"{usage.ru_maxrss // 1024} MiB; {found['verdict']}, plan {plan}, {found['cost']:,} parameters; "
        f"{'ended by its limit' if found['limited'] else 'complete'}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
