"""Studies over time: what each cost and found, which were the best so far, and how each got better run by run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from darse.analysis.studied import Studied
from darse.report.facts import reference
from darse.report.words import better
from darse.search.history import is_run
from darse.search.limits import runs_made
from darse.store.trial import TRAINER, total_seconds

Kind = Literal["search", "own evaluator", "trainer", "shrink"]


@dataclass(frozen=True, slots=True)
class StudyLine:
    """A study, one line.

    Attributes:
        id: Its id.
        name: What people call it.
        created: When it was begun, seconds since 1970 (UTC).
        state: `running`, `finished` or `stopped`.
        kind: What it was: a search, one with an own evaluator, a run of somebody's `Trainer`, or an adapter that was
            cut.
        data_digest: SHA-256 of its data; empty where it is not known.
        runs: Training runs, failed ones included.
        trials: Finished trials, cuts among them.
        failures: Failed trials.
        seconds: Seconds of evaluation.
        best: Lowest search loss of a training run; None without one.
        ranks: Of the found plan, or of the run; empty where there is none.
        cost: Trainable parameters of the found plan; None without a result.
        verdict: The judgement; None without a result.
        metric: What the verdict is about; None without a result.
        level: That metric of the found plan.
        effect: How much better it is than the best uniform plan, in the metric; None where nothing was compared.
        noise_floor: What the seed alone moves the loss by; None where it is not known.
        proxy_correlation: Spearman correlation of cuts with full runs; None where it was not measured.
        metrics: Of the exported adapter on test, or of the run's evaluation.
        is_best_so_far: Whether no earlier study of the same data reached as good a level in the same metric.
    """

    id: str
    name: str
    created: float
    state: str
    kind: Kind
    data_digest: str
    runs: int
    trials: int
    failures: int
    seconds: float
    best: float | None
    ranks: tuple[int, ...]
    cost: int | None
    verdict: str | None
    metric: str | None
    level: float | None
    effect: float | None
    noise_floor: float | None
    proxy_correlation: float | None
    metrics: Mapping[str, float]
    is_best_so_far: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A training run of a study, in the order in which they were asked for.

    Attributes:
        run: Its number, from 1.
        minutes: Of evaluation up to its end, cuts included.
        loss: Its search loss.
        best: The lowest up to here.
    """

    run: int
    minutes: float
    loss: float
    best: float


def history_of(studies: Iterable[Studied]) -> tuple[StudyLine, ...]:
    """A line for each study, oldest first, with the best ones so far marked."""
    lines: list[StudyLine] = []
    for one in sorted(map(_line, studies), key=lambda line: (line.created, line.id)):
        lines.append(replace(one, is_best_so_far=_is_best(one, lines)))
    return tuple(lines)


def steps_of(study: Studied) -> tuple[Step, ...]:
    """How a study got better, run by run."""
    steps: list[Step] = []
    seconds, best = 0.0, math.inf
    for trial in study.trials:
        seconds += trial.outcome.seconds
        if is_run(trial.spec):
            best = min(best, trial.outcome.score)
            steps.append(Step(len(steps) + 1, seconds / 60, trial.outcome.score, best))
    return tuple(steps)


def kind_of(study: Studied) -> Kind:
    """What a study was."""
    evaluator = study.settings.get("evaluator")
    if evaluator == TRAINER:
        return "trainer"
    if any(trial.spec.evaluator == "given" for trial in study.trials):
        return "shrink"
    return "search" if evaluator in {"darse", None} else "own evaluator"


def _line(study: Studied) -> StudyLine:
    record, result = study.record, study.result
    compared = None if result is None else reference(result)
    verified = None if result is None else result.findings.verify
    quality = None if result is None else result.quality
    last = study.runs[-1] if study.runs else None
    plan = result.plan if result is not None else last.spec.plan if last and kind_of(study) == "trainer" else ()
    return StudyLine(
        id=record.id,
        name=record.name,
        created=record.created,
        state=record.state,
        kind=kind_of(study),
        data_digest=str(study.settings.get("data_sha256") or ""),
        runs=runs_made(study.trials, study.failures),
        trials=len(study.trials),
        failures=len(study.failures),
        seconds=total_seconds(study.trials, study.failures),
        best=min((run.outcome.score for run in study.runs), default=None),
        ranks=tuple(plan),
        cost=None if result is None else result.cost,
        verdict=None if result is None else result.verdict.verdict,
        metric=None if result is None else result.verdict.metric,
        level=None if result is None else result.verdict.level.mean,
        effect=None if compared is None else compared.effect,
        noise_floor=study.noise_floor,
        proxy_correlation=None if verified is None else verified.proxy_correlation,
        metrics=dict(quality.test) if quality else {} if last is None or result else dict(last.outcome.metrics),
    )


def _is_best(one: StudyLine, earlier: Sequence[StudyLine]) -> bool:
    """Whether a study is better than all before it that can be compared: of the same data, in the same metric."""
    if one.level is None or one.metric is None or not one.data_digest:
        return False
    alike = [
        line.level
        for line in earlier
        if (line.data_digest, line.metric) == (one.data_digest, one.metric) and line.level is not None
    ]
    sign = 1 if better(one.metric) == "lower" else -1
    return all(sign * one.level < sign * level for level in alike)
