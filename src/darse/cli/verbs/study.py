"""The verbs about a study that is there, `report`, `export` and `studies`: their options to what the rooms take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from darse.cli import options
from darse.cli.options import Option
from darse.settings import Profile


def report(
    folder: options.StudyFolder,
    study: options.StudyName = None,
    store: options.StoreAddress = None,
    out: Annotated[Path | None, Option("-o", "--out", help="Where the page goes.")] = None,
    as_json: Annotated[bool, Option("--json", help="Print the verdict as JSON instead.")] = False,
) -> None:
    """Write a finished study's report again, or print its verdict."""
    from darse.cli.report import run_report

    run_report(folder, study=study, store=store, out=out, as_json=as_json)


def export(
    folder: options.StudyFolder,
    out: Annotated[Path | None, Option("-o", "--out", help="Folder of the export.")] = None,
    profile: Annotated[Profile | None, Option(help="Kind of an adapter's export (native).")] = None,
    as_: Annotated[
        Literal["adapter", "lora-config", "lora-config-json"], Option("--as", help="What to export (adapter).")
    ] = "adapter",
    plan: Annotated[
        str | None,
        Option(
            help="A control instead of the found plan, if the study has it: best-uniform, best-layer-wise, "
            "uniform-of-equal-cost, shuffled, head-alone."
        ),
    ] = None,
    study: options.StudyName = None,
    store: options.StoreAddress = None,
    base: Annotated[str | None, Option(help="Base model, if it is not where it was.")] = None,
    data: Annotated[str | None, Option(help="Labelled data for onnx, if the study's own are gone or changed.")] = None,
    trust_remote_code: options.BaseCode = False,
) -> None:
    """Export an adapter of a study, or a plan as a LoraConfig."""
    from darse.cli.export import run_export

    run_export(
        folder,
        out=out,
        profile=profile,
        as_=as_,
        plan=plan,
        study=study,
        store=store,
        base=base,
        data=data,
        trust_remote_code=trust_remote_code,
    )


def studies(
    folder: Annotated[Path, typer.Argument(help="Folder of a study, or of several such folders.")] = Path(),
    study: Annotated[str | None, Option(help="Id, beginning of an id or name of a study: show its history.")] = None,
    store: options.StoreAddress = None,
    as_json: options.Json = False,
) -> None:
    """List the studies of a store, or show the history of one."""
    from darse.cli.studies import run_studies

    run_studies(folder, study=study, store=store, as_json=as_json)
