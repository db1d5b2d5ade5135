"""Trials, quality, data and settings as tables of text."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime

from darse.data.columns import describe_columns
from darse.data.example import DataCheck, Task
from darse.evaluate.metrics import ClassReport
from darse.names import printable
from darse.report.facts import seed_words, seeds_that_ran, trial_kind
from darse.report.parts import ABSENT, Pairs, Table
from darse.report.words import SEARCH_LOSS, better, count, metric_value, metric_words, number, percent, plan_words
from darse.search.result import Quality, Result
from darse.settings import dotted

_OUTSIDE_LENGTH = 200
_METRIC_COLUMNS = 10


def trial_table(result: Result, stages: Sequence[str]) -> Table:
    """Every trial, in the order asked; what tells most stands first."""
    judged = result.verdict.metric
    names = dict.fromkeys(name for trial in result.trials for name in (judged, *trial.outcome.metrics))
    metrics = list(names)[:_METRIC_COLUMNS]
    rows = []
    for place, (trial, stage) in enumerate(zip(result.trials, stages, strict=True), 1):
        spec, outcome = trial.spec, trial.outcome
        values = [metric_value(outcome.metrics.get(name, math.nan), name) for name in metrics]
        rows.append(
            (
                plan_words(spec.plan),
                trial_kind(trial, result),
                f"{outcome.score:#.5g}",
                *values[:1],
                stage,
                str(spec.seed),
                number(spec.learning_rate) if spec.learning_rate else ABSENT,
                str(spec.epochs) if spec.epochs else ABSENT,
                f"{outcome.seconds:.2f}",
                *values[1:],
                str(place),
                trial.id[:8],
            )
        )
    shown = [printable(metric_words(name)) for name in metrics]
    columns = ("ranks", "kind", SEARCH_LOSS, *shown[:1], "stage", "seed", "learning rate", "epochs", "seconds")
    return Table("All trials; metrics are on validation", (*columns, *shown[1:], "no.", "trial"), tuple(rows), True)


def failure_table(result: Result) -> Table:
    """Every failed trial with its reason."""
    rows = tuple((plan_words(one.spec.plan), printable(one.reason, 500)) for one in result.failures)
    return Table("Failed trials", ("ranks", "reason"), rows)


def quality_table(quality: Quality, seeds: int) -> Table:
    """Every metric on test and validation, and its mean where several seeds of the plan ran."""
    mean = (f"test, mean over {seeds} seeds",) if seeds > 1 else ()
    return Table(
        "Metrics of the exported adapter",
        ("metric", "test", *mean, "validation", "better is"),
        tuple(
            (
                metric_words(name),
                metric_value(value, name),
                *(metric_value(quality.test_mean.get(name, math.nan), name) for _ in mean),
                metric_value(quality.valid.get(name, math.nan), name),
                better(name),
            )
            for name, value in quality.test.items()
        ),
    )


def class_table(report: ClassReport, task: Task) -> Table:
    """Precision, recall and F1 by class."""
    return Table(
        "Quality by class on test",
        ("class", "precision", "recall", "F1", "rows"),
        tuple(
            (printable(name), percent(precision, 1), percent(recall, 1), percent(f1, 1), count(sum(row)))
            for name, precision, recall, f1, row in zip(
                task.classes, report.precision, report.recall, report.f1, report.confusion, strict=True
            )
        ),
    )


def data_tables(check: DataCheck) -> tuple[Table, ...]:
    """Splits, rejected rows, score quantiles and token lengths; those there are."""
    whole = sum(check.split_rows.values())
    tables = [
        Table(
            f"Splits ({printable(check.split_origin)})",
            ("split", "rows", "share"),
            tuple((name, count(rows), percent(rows, whole)) for name, rows in check.split_rows.items()),
        )
    ]
    if check.score_quantiles:
        names = ("lowest", "first quartile", "median", "third quartile", "highest")
        rows = tuple((name, number(value)) for name, value in zip(names, check.score_quantiles, strict=True))
        tables.append(Table("Scores, in the user's units", ("quantile", "score"), rows))
    if check.tokens:
        words = {"p95": "95th percentile", "max": "longest", "limit": "limit", "truncated": "texts cut at the limit"}
        shown = tuple((words.get(name, name), count(value)) for name, value in check.tokens.items())
        tables.append(Table("Tokens per text", ("measure", "tokens"), shown))
    if check.rejected:
        reasons = tuple((printable(reason, _OUTSIDE_LENGTH), count(rows)) for reason, rows in check.rejected.items())
        tables.append(Table("Rejected rows", ("reason", "rows"), reasons))
    return tuple(tables)


def data_pairs(check: DataCheck) -> Pairs:
    """What was read, and from which columns."""
    return Pairs(
        (
            ("source", printable(check.source, _OUTSIDE_LENGTH)),
            ("columns", describe_columns(check.columns)),
            ("rows read", count(check.rows)),
            ("rows kept", count(check.kept)),
            ("rejected", count(sum(check.rejected.values()))),
            ("duplicates left out", count(check.duplicates)),
            ("conflicting labels left out", count(check.conflicts)),
        )
    )


def origin_pairs(result: Result) -> Pairs:
    """What reproduces the study."""
    origin, search = result.origin, result.settings.search
    versions = ", ".join(f"{printable(name)} {printable(version)}" for name, version in origin.versions.items())
    ran = seeds_that_ran(result)
    asked = f" ({search.seeds} were asked for)" if len(ran) < search.seeds else ""
    started = datetime.fromtimestamp(origin.started, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return Pairs(
        (
            ("command", printable(origin.command, 2000) or ABSENT),
            ("study", printable(result.study)),
            ("started", started),
            ("seeds", f"study seed {search.seed}; the plan ran with {seed_words(ran)}{asked}"),
            ("base model", printable(origin.base_name, _OUTSIDE_LENGTH)),
            ("SHA-256 of its weights", origin.base_digest),
            ("SHA-256 of the data", origin.data_digest or ABSENT),
            ("versions", versions),
        )
    )


def settings_table(result: Result) -> Table:
    """Every setting; a column that was not named shows what was found."""
    found = result.check.columns if result.check is not None else None
    rows = []
    for name, value in dotted(result.settings.model_dump(mode="json")).items():
        section, _, part = name.partition(".")
        column = getattr(found, part, None) if section == "data" and value is None else None
        shown = json.dumps(value if column is None else column, ensure_ascii=False)
        words = "not set" if shown == "null" else shown if column is None else f"{shown} (found in the data)"
        rows.append((name, printable(words, 500)))
    return Table("Settings of the study", ("setting", "value"), tuple(rows))
