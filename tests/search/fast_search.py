"""A search with a fast made-up objective, in a process of its own: `python -m tests.search.fast_search FOLDER`.

Every line of the log is on the disk before the process goes on: `start ID TIME LEFT` when a trial is evaluated, with
the number of dead workers' leases the store still has, and `done ID` when its outcome has been stored. At its end
the search prints what it found and every trial of the study.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

from darse.execute.local import LocalExecutor
from darse.execute.worker import is_dead
from darse.search.driver import Listener, search
from darse.search.limits import Limits
from darse.store.open import open_store
from darse.store.protocol import Store, StudyRecord
from darse.store.trial import TrialSpec

from .worlds import CONTEXT, World, WorldEvaluator, layers, problem

STUDY = "fast"
DEPTH = 6


def main(folder: Path) -> None:
    with open_store(folder / "study.db") as store:
        store.register_study(StudyRecord(STUDY, "fast", CONTEXT, {}, 0.0))
        executor = LocalExecutor(
            store,
            WorldEvaluator(World(DEPTH), store, lambda trial, spec: note_start(folder, store, trial, spec)).by_name(),
            forget=lambda trial: note(folder, f"done {trial}"),
        )
        found = search(problem(layers(DEPTH)), STUDY, store, executor, limits=Limits(), listener=Listener())
        findings = found.findings
        table = [asdict(trial) for trial in store.trials(STUDY)]
        print(json.dumps({"findings": findings.as_json(), "table": table}, sort_keys=True))


def note_start(folder: Path, store: Store, trial: str, spec: TrialSpec) -> None:
    left = sum(is_dead(lease.worker) for lease in store.leases(STUDY))
    note(folder, f"start {trial} {time.time()} {left}")


def note(folder: Path, line: str) -> None:
    with (folder / "log").open("a") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
