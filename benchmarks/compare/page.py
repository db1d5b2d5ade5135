"""The results file to docs/compare.md: a table per set, the targets, and what was cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from benchmarks.compare.methods import METHODS, TENFOLD, Method
from benchmarks.compare.results import Record, number
from benchmarks.compare.scale import GRID, Scale
from benchmarks.compare.sets import SETS
from benchmarks.compare.table import Entry, Table, entries, folds_of
from benchmarks.compare.targets import Target, targets


def page(records: Mapping[str, Record], scale: Scale) -> str:
    """The page, Markdown; what has not run is shown as such."""
    table = entries(records, scale)
    lines = [*_opening(table), ""]
    for name, one in SETS.items():
        lines += [f"## {name}", "", *(_folds(records, name, scale) if one.is_tenfold else _set(table, name)), ""]
    lines += ["## Targets", ""]
    for target in targets(table, records, scale):
        lines += _target(target)
    lines += ["", "## What means and recovered cuts give", "", *_variants(table)]
    lines += ["", "## What was compared, and what was cut", "", *_deviations(table, scale), ""]
    return "\n".join(lines)


def _opening(table: Table) -> list[str]:
    cores = sorted({int(number(entry.record, "cores")) for entry in table.values()})
    machine = f" on {' and '.join(map(str, cores))} cores" if cores else ""
    return [
        "# DARSE beside other ways to fine-tune",
        "",
        f"Printed by `python -m benchmarks.compare`{machine} (commands in `benchmarks/compare/__init__.py`).",
        "Metrics are on test, mean over the seeds with a 95 % interval over seeds and rows. Minutes are those of",
        "the whole method by its own clock: tuning, search and all seeds; where they are far above half of the",
        "processor minutes, other work ran beside it. Peak MiB is that of its process.",
        "Parameters leave out the head, which every method trains.",
    ]


def _set(table: Table, name: str) -> list[str]:
    return [
        "| method | metric on test | parameters | minutes | processor minutes | runs | peak MiB | seeds "
        "| learning rate | plan |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *(_row(method, table.get((method, name))) for method in METHODS),
    ]


def _row(method: str, entry: Entry | None) -> str:
    if entry is None:
        return f"| {method} | not run | | | | | | | | |"
    level, record = entry.level, entry.record
    metric = "accuracy" if entry.is_accuracy else "MSE"
    return (
        f"| {method} | {metric} {level.mean:.4f} [{level.low:.4f}, {level.high:.4f}] | {entry.parameters:,} | "
        f"{number(record, 'seconds') / 60:.1f} | {number(record, 'cpu_seconds') / 60:.1f} | "
        f"{number(record, 'runs'):.3g} | {number(record, 'peak_mib'):.0f} | "
        f"{len(entry.losses)} | {_rate(record)} | {record['plan']} |"
    )


def _rate(record: Record) -> str:
    """The learning rate, marked where the grid ends with it."""
    rate = number(record, "learning_rate")
    return f"{rate:g}" + (" (end of the grid)" if rate in (GRID[0], GRID[-1]) else "")


def _folds(records: Mapping[str, Record], name: str, scale: Scale) -> list[str]:
    found = folds_of(records, name, scale)
    if found is None:
        return ["not run"]
    level = found.level
    return [
        "| method | accuracy over folds | folds | parameters | minutes | learning rate | plan |",
        "|---|---|---|---|---|---|---|",
        f"| {TENFOLD} | {level.mean:.4f} [{level.low:.4f}, {level.high:.4f}] | "
        f"{len(found.accuracies)} of {scale.folds} | {found.parameters:,} | {found.seconds / 60:.1f} | "
        f"{number(found.search, 'learning_rate'):g} | {found.search['plan']} |",
    ]


def _variants(table: Table) -> list[str]:
    """The variants of each study's plan beside its runs, and how often one is exported."""
    studies = [entry for entry in table.values() if entry.record.get("variants")]
    rows = [(entry, one) for entry in studies for one in entry.record["variants"]]  # type: ignore[attr-defined]
    exported = Counter(
        min(entry.record["variants"], key=lambda one: one["valid"])["kind"]  # type: ignore[call-overload]
        for entry in studies
    )
    said = ", ".join(f"{kind} {times} times" for kind, times in exported.most_common())
    return [
        "Beside its runs a plan has their mean, cut back to its ranks, and the mean of the calibrated runs, cut and",
        f"trained on for half a run at the most; the best on validation is exported: {said or 'not run'}.",
        "",
        "| study | adapter | search loss on validation | loss on test | mean of the plan's runs on test |",
        "|---|---|---|---|---|",
        *(
            f"| {entry.method} on {entry.set} | {one['kind']} | {one['valid']:.4f} | {one['test']:.4f} | "
            f"{one['mean_test']:.4f} |"
            for entry, one in rows
        ),
    ]


def _target(target: Target) -> list[str]:
    return [f"- {target.says}: **{target.state}**", *(f"  - {line}" for line in target.details)]


def _deviations(table: Table, scale: Scale) -> list[str]:
    return [
        f"- {scale.seeds} seeds; {scale.epochs} epochs, of which every method keeps the best on validation (AdaLoRA:",
        f"  of those after its budget is reached); batches of {scale.batch_size} rows of at most",
        f"  {scale.max_length} tokens; base model `{scale.model}`.",
        f"- One grid of learning rates for all: {', '.join(f'{rate:g}' for rate in GRID)}.",
        "  It is walked with seed 0 from where is usual for the method towards the better side on validation, until it",
        "  is worse. `quickstart` has its published one.",
        "- What chooses (learning rate, rank, plan, epoch) sees validation only. Test rows are asked once per cell. A",
        "  darse study also asks them for its controls; that is in its minutes.",
        "- `head`, `uniform`, `random` and `tpe` train with our engine: they are searches over plans, and the trainer",
        "  is not what is compared. `quickstart`, `eva`, `adalora` and `full` train with Trainer and PEFT in float32,",
        "  rows grouped by length. `eva` and `adalora` start with the fitted head that ours start with, the others",
        "  with a drawn one. All but the published `quickstart` have the warm-up of our engine.",
        "- EVA's and AdaLoRA's parameters are those of the ranks that they end with; while it trains, AdaLoRA has half",
        "  as many more. A rival tuned with Trainer holds its best model beside the one that trains.",
        f"- The published greedy search stops after {scale.greedy_trials} runs.",
        "- The cross-validation's plan and learning rate come from one search on the first fold's training part",
        f"  ({scale.fold_search_rows:,} rows at the most), so the other folds' test rows were partly seen by that",
        "  search as training or validation rows; one run per fold.",
        *(_sizes(table, name) for name, one in SETS.items() if not one.is_tenfold),
        "",
        "| method | what it is | its walk starts at |",
        "|---|---|---|",
        *(f"| {name} | {method.says} | {_start(method)} |" for name, method in METHODS.items()),
    ]


def _sizes(table: Table, name: str) -> str:
    entry = next((entry for (_, on), entry in table.items() if on == name), None)
    if entry is None:
        return f"- {name}: not run"
    rows = entry.record["rows"]
    assert isinstance(rows, dict)
    whole = dict(zip(("train", "valid", "test"), SETS[name].rows, strict=True))
    return f"- {name}: " + ", ".join(f"{part} {rows[part]:,} of {whole[part]:,} rows" for part in whole)


def _start(method: Method) -> str:
    if method.kind == "studies":
        return f"{GRID[len(GRID) // 2]:g}"
    return f"{method.start:g}" if method.options.get("is_tuned", True) else "not tuned"
