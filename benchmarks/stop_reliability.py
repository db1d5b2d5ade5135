"""R5: seconds from SIGINT or SIGTERM to the end of a running `darse explore`, and its exit code.

python benchmarks/stop_reliability.py --times 10
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

TARGET_S = 5.0


def main() -> None:
    """Stop searches at random moments and print one line; exit 1 if the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=10)
    options = parser.parse_args()
    stream = np.random.default_rng(0)
    taken: list[float] = []
    wrong = 0
    for place in range(options.times):
        number, code = [(signal.SIGINT, 130), (signal.SIGTERM, 143)][place % 2]
        seconds, found = stop_one(number, float(stream.uniform(0, 20)))
        taken.append(seconds)
        wrong += found != code
    print(
        f"R5: {options.times} stops, {wrong} wrong exit codes (target 0), "
        f"longest {max(taken):.1f} s, median {np.median(taken):.1f} s (target {TARGET_S:.0f} s)"
    )
    sys.exit(wrong > 0 or max(taken) > TARGET_S)


def stop_one(number: int, after_s: float) -> tuple[float, int]:
    """Seconds to the end and the exit code of one search on the demo set, stopped some time after its first event."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["darse", "explore", "demo", "--json", "--out", str(Path(folder) / "out")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["event"] == "data"
        time.sleep(after_s)
        sent = time.monotonic()
        process.send_signal(number)
        process.communicate()
        return time.monotonic() - sent, process.returncode


if __name__ == "__main__":
    main()
