"""darse itself: a study from rows to its finding, with the losses of its kept test logits."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from benchmarks.compare.results import Floats, Record, packed
from benchmarks.compare.sets import as_row, columns_of
from benchmarks.compare.stand import Clock, Stand, common, test_losses
from darse.data.example import LabelledData, Task
from darse.execute.bench import Bench
from darse.execute.held_out import kept_logits
from darse.search.result import Result
from darse.settings import Objective, Options, Preset, settings_from_options
from darse.store.open import open_study_store
from darse.study.request import Audience, Request
from darse.study.run import Finished, run_study

QUICKSTART_RANK = 8


def darse(
    stand: Stand,
    *,
    objective: Objective,
    budget: str | None = None,
    preset: Preset = "none",
) -> Record:
    """A study by its own clock: calibration, search, finalists and controls, all seeds, and the test of them all.

    Args:
        stand: What the cell stands on.
        objective: `best` or `smallest`.
        budget: As the command line takes it; `quickstart` is what the quickstart's recipe costs.
        preset: `paper` for the published method.
    """
    options: Options = {**stand.options, "objective": objective, "preset": preset}
    if budget is not None:
        options["budget"] = str(quickstart_parameters(stand.bench)) if budget == "quickstart" else budget
    if preset == "paper":
        options["max_trials"] = stand.scale.greedy_trials
    clock = Clock()
    study = run(stand, options)
    cost = clock.read()
    result = study.result
    losses = np.stack([test_losses(study.bench, one) for one in study.test_logits])
    assert result.findings.verify is not None
    scores = [
        trial.outcome.score for trial in result.findings.verify.runs(result.trials, stand.scale.epochs)[result.plan]
    ]
    return {
        **common(stand),
        "plan": str(result.plan),
        "parameters": result.cost,
        "learning_rate": result.findings.verify.learning_rates[0],
        "valid": float(np.mean(scores)),
        "runs": _runs(result, stand.scale.epochs),
        "search_runs": _search_runs(result, stand.scale.epochs),
        **cost,
        "losses": packed(losses),
        "variants": _variants(stand, study, float(losses.mean())),
        "verdict": result.verdict.verdict,
        "is_limited": result.is_limited,
    }


@dataclass(frozen=True)
class Study:
    """A finished study.

    Attributes:
        result: What it found.
        bench: What its trials stood on.
        test_logits: Of the found plan, shape (seeds, rows, outputs); made once, by the study.
    """

    result: Result
    bench: Bench
    test_logits: Floats


def run(stand: Stand, options: Options, *, has_split: bool = True) -> Study:
    """Run a study on the stand's rows."""
    settings = settings_from_options(options)
    columns = columns_of(stand.data.task, has_split=has_split)
    settings = settings.model_copy(update={"data": columns})
    folder = stand.folder / "study"
    request = Request(rows_of(stand.data, stand.data.task), settings, folder)
    finished = run_study(request, Audience())
    assert finished.bench is not None, "darse trains here"
    return Study(finished.result, finished.bench, _test_logits(stand, finished))


def rows_of(data: LabelledData, task: Task) -> list[dict[str, object]]:
    """Loaded rows as a source, their split stated."""
    return [
        as_row(example, task, name)
        for name, examples in (("train", data.train), ("valid", data.valid), ("test", data.test))
        for example in examples
    ]


def quickstart_parameters(bench: Bench) -> int:
    """What rank 8 on every query and value costs."""
    return sum(QUICKSTART_RANK * one.unit_cost for one in bench.weights if one.name.endswith((".query", ".value")))


def _test_logits(stand: Stand, finished: Finished) -> Floats:
    result = finished.result
    assert result.findings.verify is not None
    with open_study_store(stand.folder / "study", None) as store:
        runs = result.findings.verify.runs(result.trials, stand.scale.epochs)[result.plan]
        kept = [kept_logits(store, result.study, trial.id) for trial in runs]
        return np.stack([logits for logits in kept if logits is not None])


def _variants(stand: Stand, study: Study, mean: float) -> list[Record]:
    """The cheap further adapters of the plan beside its runs: search loss on validation, metric's loss on test."""
    result, epochs = study.result, stand.scale.epochs
    assert result.findings.verify is not None
    runs = result.findings.verify.runs(result.trials, epochs)[result.plan]
    best = min(runs, key=lambda run: run.outcome.score)
    own = float(test_losses(study.bench, study.test_logits[runs.index(best)]).mean())
    found: list[Record] = [{"kind": "best run", "valid": best.outcome.score, "test": own, "mean_test": mean}]
    with open_study_store(stand.folder / "study", None) as store:
        bench = replace(study.bench, store=store)
        for trial in result.trials:
            if trial.spec in result.findings.verify.variants:
                test = test_losses(bench, bench.logits(bench.trained_weights(trial), "test", lambda: None)).mean()
                kind = "recovered cut" if trial.spec.epochs else "mean of runs"
                found.append({"kind": kind, "valid": trial.outcome.score, "test": float(test), "mean_test": mean})
    return found


def _runs(result: Result, epochs: int) -> float:
    """Training runs, a short one counted as the part of a full one that it is."""
    return sum(trial.spec.epochs for trial in result.trials) / epochs


def _search_runs(result: Result, epochs: int) -> float:
    """The same up to the choice of the plan: all stages before verify, and its runs of finalists."""
    assert result.findings.allocate is not None
    finalists = {one.plan for one in result.findings.allocate.finalists}
    return (
        sum(
            trial.spec.epochs
            for trial, stage in zip(result.trials, result.stages, strict=True)
            if stage != "verify" or (trial.spec.evaluator == "finetune" and trial.spec.plan in finalists)
        )
        / epochs
    )
