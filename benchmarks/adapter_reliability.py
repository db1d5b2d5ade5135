"""The long form of the adapter's reliability tests: `python benchmarks/adapter_reliability.py`.

Prints a line for each test with the figure it reached and the one it has to reach; exit 1 if one is missed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.model.damage import flips_and_cuts, harm_copies  # noqa: E402 - the same
from tests.model.samples import CLASSES, new_setup, random_weights  # noqa: E402 - the same

from darse.model.adapter import write_adapter  # noqa: E402 - the repository's root has to be found first
from darse.settings import Profile  # noqa: E402 - the same

Found = tuple[str, list[str]]
"""A figure, and every case that missed the target."""


def main() -> int:
    is_missed = False
    for name, (target, measure) in TESTS.items():
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="darse-reliability-") as folder:
            figure, problems = measure(Path(folder))
        is_missed |= bool(problems)
        verdict = "missed" if problems else "ok"
        print(f"{name:5} {verdict:6} {figure} (target: {target}; {time.monotonic() - started:.0f} s)")
        for problem in problems[:10]:
            print(f"      {problem}")
    return int(is_missed)


def kill_training(folder: Path) -> Found:
    command = [sys.executable, "-m", "tests.train.killed", str(folder / "run"), "20"]
    ended = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if ended.returncode != 0:
        return "did not run", [f"exit code {ended.returncode}"]
    found = json.loads(ended.stdout)
    figure = f"{found['kills']} kills over {found['steps']} steps, {found['done_again']} steps done again"
    too_many = [] if found["done_again"] <= found["kills"] else ["more than one checkpoint interval was done again"]
    return figure, found["problems"] + too_many


def damage_adapters(folder: Path) -> Found:
    profiles: tuple[Profile, ...] = ("native", "padded", "merged")
    setup = new_setup("bert", folder / "bert", CLASSES)
    weights = random_weights(setup, setup.ranks(2, 0, 3, 1))
    problems: list[str] = []
    for number, profile in enumerate(profiles):
        write_adapter(setup.export(weights), folder / profile, profile, card="# A card")
        problems += flips_and_cuts(folder / profile, flips=500, cuts=500, seed=number)
    return f"{500 * len(profiles)} bit flips, {500 * len(profiles)} cuts, {len(problems)} not refused", problems


def forge_adapters(folder: Path) -> Found:
    setup = new_setup("bert", folder / "bert", CLASSES)
    write_adapter(setup.export(random_weights(setup, setup.ranks(2, 0, 3, 1))), folder / "adapter")
    found = list(harm_copies(folder / "adapter", folder / "copies"))
    problems = [f"{name}: {problem}" for name, problem in found if problem is not None]
    return f"{len(found)} harms, {len(problems)} not refused", problems


TESTS: Mapping[str, tuple[str, Callable[[Path], Found]]] = {
    "R4": ("equal to the bit, at most one interval done again per kill", kill_training),
    "R14": ("all of 500 flips and 500 cuts refused, per profile", damage_adapters),
    "R14f": ("all refused in one line", forge_adapters),
}

if __name__ == "__main__":
    sys.exit(main())
