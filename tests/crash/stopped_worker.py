"""A worker that is stopped in the middle of its trial: `python -m tests.crash.stopped_worker FOLDER KIND`.

It writes `begun` once its trial is under way, and goes on when there is a file `go`. KIND says what comes then: `ask`
checks before the outcome is stored, `end` does not. At its end it prints the score of what it was handed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from darse.execute.evaluator import Feedback
from darse.execute.local import LocalExecutor
from darse.ranks.plan import RankPlan
from darse.store.open import open_store
from darse.store.trial import Outcome, Trial, TrialSpec

STUDY = "s"
SPEC = TrialSpec(RankPlan((1, 0, 2)), 0, 1e-3, 6)
LEASE_S = 2.0
DEADLINE_S = 60.0
OURS = Outcome(1.0, {}, "ours")


class Stopped:
    """Waits in the middle."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder, self.kind = folder, kind

    def evaluate(self, trial_id: str, spec: TrialSpec, parents: Sequence[Trial], feedback: Feedback) -> Outcome:
        (self.folder / "begun").write_text(trial_id)
        deadline = time.monotonic() + DEADLINE_S
        while not (self.folder / "go").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        if self.kind == "ask":
            feedback.check()
            (self.folder / "passed").touch()
        return OURS


def main(folder: Path, kind: str) -> None:
    with open_store(folder / "study.db") as store:
        executor = LocalExecutor(store, {"finetune": Stopped(folder, kind)}, lease_s=LEASE_S)
        (trial,) = executor.run(STUDY, [SPEC])
        print(trial.outcome.score if trial else None)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
