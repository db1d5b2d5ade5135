"""The verbs that look for a plan, `explore` and `shrink`: their options to what the rooms that do the work take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from darse.cli import options
from darse.cli.options import Option
from darse.settings import Objective, Profile


def explore(
    context: typer.Context,
    file: Annotated[str, typer.Argument(help="CSV, TSV, JSONL or Parquet file, hub data set name, or `demo`.")],
    text: options.Text = None,
    score: options.Score = None,
    label: options.Label = None,
    target: options.Target = None,
    split: options.Split = None,
    group: options.Group = None,
    separator: options.Separator = None,
    encoding: options.Encoding = None,
    label_map: options.LabelMap = None,
    model: Annotated[str | None, Option(help="Base model: minilm (bundled, default), a folder, or a hub name.")] = None,
    budget: options.SearchBudget = None,
    objective: options.SearchObjective = None,
    granularity: Annotated[str | None, Option(help="Where a rank is set: layer (default), module or group:4.")] = None,
    evaluator: options.SearchEvaluator = None,
    strategy: options.SearchStrategy = None,
    preset: options.SearchPreset = None,
    max_rank: options.MaxRank = None,
    seeds: options.Seeds = None,
    seed: options.Seed = None,
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    max_length: options.MaxLength = None,
    precision: options.ProductPrecision = None,
    learning_rates: options.LearningRates = None,
    margin: options.Margin = None,
    max_trials: options.MaxTrials = None,
    max_minutes: options.MaxMinutes = None,
    store: Annotated[str | None, Option(help="Address of the store (study.db in the folder).")] = None,
    out: Annotated[Path | None, Option(help="Folder of the study (darse-FILE, such as darse-reviews).")] = None,
    fresh: Annotated[bool, Option("--fresh", help="Start anew; an earlier study stays in the store.")] = False,
    dry_run: Annotated[
        bool, Option("--dry-run", help="Show data, sites, time and memory; train and write nothing.")
    ] = False,
    trust_remote_code: Annotated[bool, Option("--trust-remote-code", help="Run code that comes with MODEL.")] = False,
    as_json: Annotated[bool, Option("--json", help="One JSON object a line.")] = False,
    quiet: Annotated[bool, Option("--quiet", help="Print the result alone.")] = False,
) -> None:
    """Search rank plans on a labelled file; write verdict and adapter."""
    from darse.cli.explore import run_explore

    # an option that can be given again is an empty list in the context where it is not given
    given = {"label_map": options.table_given(label_map), "learning_rates": learning_rates}
    run_explore(
        file,
        {**options.settings_given(context), **given},
        out=out,
        store=store,
        fresh=fresh,
        dry_run=dry_run,
        command=options.command_given(),
        as_json=as_json,
        quiet=quiet,
    )


def shrink(
    context: typer.Context,
    adapter: Annotated[str, typer.Argument(help="Folder or hub name of a PEFT LoRA adapter of a classifier.")],
    data: Annotated[str, Option(help="Labelled file that the adapter was not trained on, as explore takes it.")],
    text: options.Text = None,
    label: options.Label = None,
    score: options.Score = None,
    target: options.Target = None,
    split: options.Split = None,
    group: options.Group = None,
    separator: options.Separator = None,
    encoding: options.Encoding = None,
    labels: Annotated[
        str | None, Option(help="Classes in the order of the adapter's head, if no config names them: a,b,c.")
    ] = None,
    model: Annotated[str | None, Option(help="Base model, if it is not where the adapter says.")] = None,
    budget: Annotated[
        str | None, Option(help="Most parameters: 500k, 1% of the base model, or uniform:8 (none by default).")
    ] = None,
    objective: Annotated[
        Objective,
        Option(help="smallest: smallest cut that is not worse. best: best quality within the budget."),
    ] = "smallest",
    granularity: Annotated[str, Option(help="Where a rank is set: module, layer or group:4.")] = "module",
    seeds: options.RecoverySeeds = None,
    margin: options.Margin = None,
    max_length: options.MaxLength = None,
    out: Annotated[Path | None, Option("-o", "--out", help="Folder of the result (darse-shrunk-NAME).")] = None,
    profile: Annotated[Profile, Option(help="Kind of export.")] = "native",
    dry_run: Annotated[bool, Option("--dry-run", help="Show data, sites and time; train and write nothing.")] = False,
    fresh: Annotated[bool, Option("--fresh", help="Start anew, and replace another adapter's result in OUT.")] = False,
    trust_remote_code: options.BaseCode = False,
    as_json: Annotated[bool, Option("--json", help="Print the result as JSON.")] = False,
    quiet: Annotated[bool, Option("--quiet", help="Print the result alone.")] = False,
) -> None:
    """Cut somebody's adapter to the smallest that is not worse."""
    from darse.cli.shrink import run_shrink

    given = options.settings_given(context)
    del given["model"]  # the adapter says which it is; this is only where
    run_shrink(
        adapter,
        data,
        given,
        model=model,
        labels=labels,
        out=out,
        profile=profile,
        fresh=fresh,
        dry_run=dry_run,
        command=options.command_given(),
        as_json=as_json,
        quiet=quiet,
    )
