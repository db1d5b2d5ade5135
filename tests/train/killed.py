"""R4 as a program: a training run killed at random steps and taken up again, against one that was left alone.

`python -m tests.train.killed FOLDER KILLS` prints what it found as JSON. It forks, so it has a process of its own.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import torch

from darse.train.checkpoint import CheckpointFile
from darse.train.loop import Observer
from tests.model.samples import JOINT, NoCheckpoint, set_up, train_shortly
from tests.tiny import save_model

EPOCHS, ROWS = 6, 24
STEPS = EPOCHS * ROWS // 4
LAST = 255


def child(folder: Path, out: Path, steps: int | None) -> None:
    """Train, tell every step through a pipe if there is one, and write what came out.

    Args:
        folder: Holds the model and the checkpoint.
        out: Where the result goes.
        steps: A pipe's writing end, or None for a run without a checkpoint.
    """
    torch.set_num_threads(1)
    setup = set_up(folder / "model", JOINT, rows=ROWS)
    start = setup.fresh(setup.ranks(2, 0, 1, 3))

    def tell(epoch: int, step: int, per_epoch: int) -> None:
        if steps is not None:
            os.write(steps, bytes([epoch * per_epoch + step - 1]))

    checkpoint = NoCheckpoint() if steps is None else CheckpointFile(folder / "run.safetensors")
    ended = train_shortly(setup, start, epochs=EPOCHS, checkpoint=checkpoint, observer=Observer(step=tell))
    out.write_text(json.dumps({"curve": ended.progress.curve, "weights": ended.weights.to_bytes().hex()}))
    if steps is not None:
        os.write(steps, bytes([LAST]))


def start_child(folder: Path, out: Path, *, is_told: bool) -> tuple[int, int]:
    """A child in training; its process id and the reading end of its pipe."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            child(folder, out, writing if is_told else None)
        finally:
            os._exit(0)
    os.close(writing)
    return pid, reading


def run_killed(folder: Path, kills: int, chance: random.Random) -> tuple[list[int], list[str]]:
    """Train with kills; the steps done in order, over all lives of the run, and what went wrong."""
    problems: list[str] = []
    done: list[int] = []
    targets = sorted(chance.sample(range(STEPS - 1), kills))
    while True:
        first = len(done)
        pid, reading = start_child(folder, folder / "killed.json", is_told=True)
        while (step := os.read(reading, 1)) and step[0] != LAST:
            done.append(step[0])
            if targets and step[0] >= targets[0]:
                targets.pop(0)
                time.sleep(chance.random() * 0.01)  # the kill falls into the checkpoint's writing, or behind it
                os.kill(pid, signal.SIGKILL)
        os.close(reading)
        os.waitpid(pid, 0)
        if first and len(done) > first and done[first] not in {done[first - 1], done[first - 1] + 1}:
            problems.append(f"taken up at step {done[first]} after step {done[first - 1]}")
        if step and step[0] == LAST:
            return done, problems


def main() -> None:
    folder, kills = Path(sys.argv[1]), int(sys.argv[2])
    folder.mkdir(parents=True)
    save_model("bert", folder / "model")
    pid, reading = start_child(folder, folder / "whole.json", is_told=False)
    os.waitpid(pid, 0)
    os.close(reading)
    done, problems = run_killed(folder, kills, random.Random(4))
    if (folder / "killed.json").read_bytes() != (folder / "whole.json").read_bytes():
        problems.append("losses or weights differ from those of the uninterrupted run")
    if set(done) != set(range(STEPS)):
        problems.append(f"{STEPS - len(set(done))} of {STEPS} steps were not done")
    print(json.dumps({"kills": kills, "steps": STEPS, "done_again": len(done) - STEPS, "problems": problems}))


if __name__ == "__main__":
    main()
