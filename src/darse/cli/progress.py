"""What a search does to lines on a terminal: a live bar with time left, or plain lines without one."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from darse.cli.stop import Stop
from darse.data.check import data_check_as_json, describe
from darse.data.example import DataCheck
from darse.execute.local import Watcher
from darse.report.words import plural
from darse.search.driver import Listener
from darse.search.history import is_run
from darse.search.open_study import Opened
from darse.search.stages import STAGES, Findings
from darse.settings import Settings
from darse.store.trial import Trial, TrialSpec
from darse.study import Audience

_MEANING = {
    "calibrate": "which learning rate, and how much the seed alone moves the score",
    "coarse": "how much uniform rank the data can use",
    "fine": "where quality saturates",
    "allocate": "which site deserves which rank",
    "verify": "finalists and controls, trained for real",
    "done": "judging on test, once",
}


class Display:
    """Shows a search while it runs.

    Args:
        stop: Asked at every batch.
        settings: Of the study, for the estimate of time left.
        is_quiet: Show nothing.
        is_json: One JSON object a line on standard output instead of text.
    """

    def __init__(self, stop: Stop, settings: Settings, *, is_quiet: bool, is_json: bool) -> None:
        self.stop, self.settings = stop, settings
        self.is_json = is_json
        self.console = Console(stderr=True, quiet=is_quiet or is_json, highlight=False, soft_wrap=True)
        self.is_live = self.console.is_terminal and not (is_quiet or is_json)
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[detail]}"),
            TimeElapsedColumn(),
            console=self.console,
            disable=not self.is_live,
            transient=True,
        )
        self.task = self.bar.add_task("starting", total=1.0, detail="")
        self.stage = "calibrate"
        self.best = float("inf")
        self.run_seconds: list[float] = []
        self.runs, self.wanted, self.began = 0, 0, time.monotonic()

    def __enter__(self) -> Display:
        """Start the live bar."""
        self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Take the live bar away."""
        self.bar.stop()

    def audience(self) -> Audience:
        """The callbacks of a study."""
        return Audience(
            check=self._check,
            opened=self._opened,
            search=Listener(self._stage, self._wanted, self._limited),
            trials=Watcher(self.stop.check, self._started, self._step, self._finished),
        )

    def _check(self, check: DataCheck) -> None:
        self._say("data", data_check_as_json(check), "\n".join(describe(check)))

    def _opened(self, opened: Opened) -> None:
        self.stop.is_patient = True
        if opened.is_continued:
            self._say("continued", {"study": opened.record.id}, "This study was begun before; its trials are kept.")
        elif opened.changes:
            listed = "\n".join(f"  {change}" for change in opened.changes)
            self._say(
                "changed",
                {"study": opened.record.id, "changes": list(opened.changes)},
                f"Something changed since the last study here, so this is a new one:\n{listed}",
            )

    def _stage(self, findings: Findings) -> None:
        self.stage = findings.stage
        number = STAGES.index(self.stage) + 1 if self.stage in STAGES else len(STAGES)
        found = findings.as_json()
        self._say(
            "stage",
            {"stage": self.stage, "found": found},
            f"[{number}/{len(STAGES)}] {self.stage}: {_MEANING[self.stage]}{_told(findings)}",
        )

    def _wanted(self, specs: Sequence[TrialSpec]) -> None:
        self.wanted = sum(map(is_run, specs))

    def _limited(self, part: str) -> None:
        rest = "; the rest of it is for the proof" if part == "search" else ""
        self._say("limit", {"part": part}, f"      the limit has ended the {part}{rest}")

    def _started(self, spec: TrialSpec) -> None:
        if is_run(spec):
            self.bar.update(self.task, completed=0.0)
        self.bar.update(self.task, description=f"{self.stage} [{spec.plan}]", detail=self._detail(0))

    def _step(self, epoch: int, step: int, steps: int) -> None:
        done = (epoch * steps + step) / (steps * self.settings.train.epochs)
        self.bar.update(self.task, completed=done, detail=self._detail(epoch + 1))

    def _finished(self, trial: Trial) -> None:
        self.best = min(self.best, trial.outcome.score)
        if not is_run(trial.spec):
            self._json("trial", _trial(trial))
            return
        self.runs += 1
        self.wanted = max(0, self.wanted - 1)
        self.run_seconds.append(trial.outcome.seconds)
        shown = "  ".join(f"{name} {trial.outcome.metrics[name]:.4f}" for name in _shown(trial))
        self._say(
            "trial",
            _trial(trial),
            f"  run {self.runs:>2}  [{trial.spec.plan}]  seed {trial.spec.seed}  lr {trial.spec.learning_rate:g}  "
            f"score {trial.outcome.score:.4f}  {shown}  {trial.outcome.seconds:.0f} s",
        )

    def _detail(self, epoch: int) -> str:
        parts = [f"epoch {epoch}/{self.settings.train.epochs}"] if epoch else []
        if self.best < float("inf"):
            parts.append(f"best {self.best:.4f}")
        if left := self._minutes_left():
            parts.append(f"about {left:.0f} min left")
        return ", ".join(parts)

    def _minutes_left(self) -> float | None:
        """Runs that are still to come, from what the stages usually ask for, times their mean length so far."""
        if not self.run_seconds:
            return None
        seeds = self.settings.search.seeds
        ahead = {"calibrate": 3 + 4 * seeds, "coarse": 4 * seeds, "fine": 4 * seeds, "allocate": 4 * seeds}
        runs = max(self.wanted, ahead.get(self.stage, self.wanted) - (self.runs if self.stage == "calibrate" else 0))
        estimate = max(1, runs) * sum(self.run_seconds) / len(self.run_seconds) / 60
        limit = self.settings.search.max_minutes
        return estimate if limit is None else min(estimate, max(0.0, limit - (time.monotonic() - self.began) / 60))

    def _say(self, kind: str, detail: dict[str, object], text: str) -> None:
        self._json(kind, detail)
        self.console.print(text, markup=False)

    def _json(self, kind: str, detail: dict[str, object]) -> None:
        if self.is_json:
            print(json.dumps({"event": kind, **detail}, allow_nan=False, default=str), flush=True)


def _told(findings: Findings) -> str:
    """What the stage before has found, in a few words."""
    if findings.stage == "coarse" and findings.calibrate:
        found = findings.calibrate
        return f"\n      learning rate {found.learning_rate:g}, noise floor {found.noise_floor:.4f}"
    if findings.stage == "fine" and findings.coarse:
        return f"\n      range {findings.coarse.low} to {findings.coarse.high}"
    if findings.stage == "allocate" and findings.fine:
        return f"\n      uniform quality saturates at rank {findings.fine.rank}"
    if findings.stage == "verify" and findings.allocate:
        finalists = plural(len(findings.allocate.finalists), "finalist")
        return f"\n      {finalists} within {findings.allocate.budget:,} parameters"
    return ""


def _shown(trial: Trial) -> list[str]:
    return [name for name in ("mse", "accuracy", "loss") if name in trial.outcome.metrics]


def _trial(trial: Trial) -> dict[str, object]:
    return {
        "trial": trial.id,
        **trial.spec.as_json(),
        "score": trial.outcome.score,
        "metrics": dict(trial.outcome.metrics),
        "seconds": round(trial.outcome.seconds, 3),
    }
