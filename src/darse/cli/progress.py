"""What a search does to lines on a terminal: a live bar with time left, or plain lines without one."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from darse.amounts import plural
from darse.cli.estimate import Pace, estimate_as_json, estimate_lines, rough_time
from darse.cli.stop import Stop
from darse.data.check import data_check_as_json, describe
from darse.data.example import DataCheck
from darse.execute.bench import Bench
from darse.execute.local import Watcher
from darse.execute.rehearsal import Rehearsed, rehearse
from darse.search.driver import Listener
from darse.search.history import is_run
from darse.search.identity import Opened
from darse.search.record import Part
from darse.search.stages import MEANINGS, STAGES, Findings
from darse.settings import Settings
from darse.store.trial import Failure, Trial, TrialSpec, total_seconds
from darse.study.request import Audience

_ORDER = (*STAGES, "done")
_LIMITED: dict[Part, str] = {
    "calibrate": "the limit has ended the calibration; the rest of it is for the search and the proof",
    "search": "the limit has ended the search; the rest of it is for the proof",
    "proof": "the limit has ended the proof",
}
QUIET_S = 30.0
"""Where there is no live bar, a run is silent for no longer than this."""


class Display:
    """Shows a search while it runs.

    Args:
        stop: Asked at every batch.
        settings: Of the study, for the estimate of time.
        is_quiet: Show nothing.
        is_json: One JSON object a line on standard output instead of text.
        clock: Seconds, from anywhere.
        rehearse: Measures a run by a few steps.
    """

    def __init__(
        self,
        stop: Stop,
        settings: Settings,
        *,
        is_quiet: bool,
        is_json: bool,
        clock: Callable[[], float] = time.monotonic,
        rehearse: Callable[[Bench, Callable[[], None]], Rehearsed | None] = rehearse,
    ) -> None:
        self.stop, self.settings, self.clock, self.rehearse = stop, settings, clock, rehearse
        self.is_json = is_json
        self.console = Console(stderr=True, quiet=is_quiet or is_json, highlight=False, soft_wrap=True)
        self.is_live = self.console.is_terminal and not (is_quiet or is_json)
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[detail]}"),
            console=self.console,
            disable=not self.is_live,
            transient=True,
        )
        self.task = self.bar.add_task("starting", total=1.0, detail="")
        self.stage = ""
        self.best = math.inf
        self.pace, self.epochs = Pace(clock), settings.train.epochs
        self.runs: dict[str, int] = {}
        self.cuts: Counter[int] = Counter()
        self.best_cut = math.inf
        self.spoke = clock()
        self.ended_s = 0.0
        self.trial_began: float | None = None
        self.held: list[str] | None = None

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
            ready=self._ready,
            opened=self._opened,
            search=Listener(self._stage, self._wanted, self._limited),
            trials=Watcher(self.stop.check, self._started, self._step, self._finished, self._failed),
        )

    def _check(self, check: DataCheck) -> None:
        self._say("data", data_check_as_json(check), "\n".join(describe(check)))

    def _ready(self, bench: Bench) -> None:
        if self.console.quiet and not self.is_json:
            return
        measured = self.rehearse(bench, self.stop.check)
        if measured is not None:
            told = estimate_lines(self.settings, measured)
            self._say("estimate", estimate_as_json(self.settings, measured), "\n".join(told))

    def _opened(self, opened: Opened) -> None:
        self.stop.is_patient = True
        ended = [trial for trial in opened.trials if is_run(trial.spec)]
        self.runs = {trial.id: number for number, trial in enumerate(ended, 1)}
        self.best = min((trial.outcome.score for trial in opened.trials), default=math.inf)
        self.ended_s = total_seconds(opened.trials, opened.failures)
        if opened.is_continued:
            self._say("continued", {"study": opened.record.id}, "This study was begun before; its trials are kept.")
        elif opened.changes:
            listed = "\n".join(f"  {change}" for change in opened.changes)
            self._say(
                "changed",
                {"study": opened.record.id, "changes": list(opened.changes)},
                f"Something changed since the last study here, so this is a new one:\n{listed}",
            )
        if opened.record.state == "finished":
            self.held = []

    def _stage(self, findings: Findings) -> None:
        before, self.stage = self.stage, findings.stage
        place, reached = _ORDER.index(before) if before else -1, _ORDER.index(self.stage)
        if self.stage == "done" and self.held is not None:
            self.held = None
            told = "already finished; nothing to do but to write its files anew (--fresh starts anew)"
            self._say("stage", {"stage": self.stage, "found": findings.as_json()}, told)
            return
        lines = _found(before, findings) if before else []
        for passed in _ORDER[place + 1 : reached]:
            lines += [f"{_head(passed)}: nothing to try", *_found(passed, findings)]
        lines.append(f"{_head(self.stage)}: {MEANINGS[self.stage]}")
        self._say("stage", {"stage": self.stage, "found": findings.as_json()}, "\n".join(lines))

    def _wanted(self, specs: Sequence[TrialSpec]) -> None:
        self._release()

    def _limited(self, part: Part) -> None:
        self._say("limit", {"part": part}, f"      {_LIMITED[part]}")

    def _started(self, spec: TrialSpec) -> None:
        self.trial_began = self.clock()
        if is_run(spec):
            self.epochs = spec.epochs
            self.pace.start(spec.epochs)
            self.bar.update(self.task, completed=0.0)
        self.bar.update(self.task, description=f"{self.stage} [{spec.plan}]", detail=self._detail(0))

    def _step(self, epoch: int, step: int, steps: int) -> None:
        self.pace.step(epoch, step, steps)
        self.bar.update(self.task, completed=self.pace.part, detail=self._detail(epoch + 1))
        if not self.is_live and self.clock() - self.spoke >= QUIET_S:
            detail: dict[str, object] = {"epoch": epoch + 1, "epochs": self.epochs, "step": step, "steps": steps}
            self._say("progress", detail, f"      {self._detail(epoch + 1)}, step {step} of {steps}")

    def _finished(self, trial: Trial) -> None:
        self._count(trial.outcome.seconds)
        self.best = min(self.best, trial.outcome.score)
        shown = "  ".join(f"{name} {trial.outcome.metrics[name]:.4f}" for name in _shown(trial))
        if trial.spec.evaluator == "recover" and not is_run(trial.spec):
            what = f"mean of {plural(len(trial.spec.parents), 'run')}, cut back"
            self._say("trial", _trial(trial), f"  {what}  [{trial.spec.plan}]  loss {trial.outcome.score:.4f}  {shown}")
            return
        if not is_run(trial.spec):
            self.cuts[self.runs.get(trial.spec.parents[0], 0)] += 1
            self.best_cut = min(self.best_cut, trial.outcome.score)
            self._json("trial", _trial(trial))
            return
        self.runs[trial.id] = len(self.runs) + 1
        how = "cut and trained on" if trial.spec.parents else f"seed {trial.spec.seed}"
        if trial.spec.epochs < self.settings.train.epochs:
            how += f", {plural(trial.spec.epochs, 'epoch')} only"
        self._say(
            "trial",
            _trial(trial),
            f"  run {len(self.runs):>2}  [{trial.spec.plan}]  {how}  lr {trial.spec.learning_rate:g}  "
            f"loss {trial.outcome.score:.4f}  {shown}  {trial.outcome.seconds:.0f} s",
        )

    def _failed(self, failure: Failure) -> None:
        self._count(failure.seconds)

    def _count(self, seconds: float) -> None:
        self.ended_s, self.trial_began = self.ended_s + seconds, None

    def _detail(self, epoch: int) -> str:
        parts = [f"epoch {epoch} of {self.epochs}"] if epoch else []
        if (left := self.pace.left_s) is not None and epoch:
            parts.append(f"at most {rough_time(left)} of the run left")
        if self.best < math.inf:
            parts.append(f"best loss {self.best:.4f}")
        limit = self.settings.search.max_minutes
        of = "" if limit is None else f" of {limit:g} min"
        return ", ".join([*parts, f"{rough_time(self._spent_s())}{of} gone"])

    def _spent_s(self) -> float:
        """What `--max-minutes` counts: seconds of all trials so far, of failed ones and of that under way, too."""
        under_way = 0.0 if self.trial_began is None else self.clock() - self.trial_began
        return self.ended_s + under_way

    def _release(self) -> None:
        """Say what was held back until it is clear whether a finished study has anything left to do."""
        held, self.held = self.held, None
        if held:
            self.console.print("\n".join(held), markup=False)

    def _say(self, kind: str, detail: dict[str, object], text: str) -> None:
        self._json(kind, detail)
        self.spoke = self.clock()
        text = "\n".join([*self._cuts_told(), text])
        if self.held is None:
            self.console.print(text, markup=False)
        else:
            self.held.append(text)

    def _cuts_told(self) -> list[str]:
        """How many cuts were scored since something was said last."""
        if not self.cuts:
            return []
        named = [f"run {number}" if number else "earlier runs" for number in sorted(self.cuts)]
        line = (
            f"      {plural(self.cuts.total(), 'cut')} of {' and '.join(named)} scored, best loss {self.best_cut:.4f}"
        )
        self.cuts, self.best_cut = Counter(), math.inf
        return [line]

    def _json(self, kind: str, detail: dict[str, object]) -> None:
        if self.is_json:
            print(json.dumps({"event": kind, **detail}, allow_nan=False, default=str), flush=True)


def _head(stage: str) -> str:
    return f"[{STAGES.index(stage) + 1}/{len(STAGES)}] {stage}" if stage in STAGES else stage


def _found(stage: str, findings: Findings) -> list[str]:
    """What a stage has found, in a few words."""
    told = ""
    if stage == "calibrate" and (calibration := findings.calibrate):
        told = f"learning rate {calibration.learning_rate:g}, noise floor {calibration.noise_floor:.4f}"
    elif stage == "coarse" and (coarse := findings.coarse):
        told = f"the best uniform rank is in {coarse.low} to {coarse.high}"
    elif stage == "fine" and (fine := findings.fine):
        told = f"uniform rank {fine.rank}: quality saturates there"
    elif stage == "allocate" and (allocation := findings.allocate):
        where = "; where in depth ranks sit hardly matters" if allocation.depth and allocation.depth.is_flat else ""
        told = f"{plural(len(allocation.finalists), 'finalist')} within {allocation.budget:,} parameters{where}"
    elif stage == "verify" and (verified := findings.verify):
        told = f"plan [{verified.plan}]"
    return [f"      {told}"] if told else []


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
