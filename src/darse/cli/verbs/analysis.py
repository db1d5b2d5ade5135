"""The verbs that look into studies and over them: their options to what the rooms below take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from darse.cli import options
from darse.cli.options import Option

StudyMeant = Annotated[
    str | None, Option("--study", help="Id, beginning of an id, or name of a study; by default that of FOLDER.")
]
Page = Annotated[Path | None, Option("-o", "--out", help="Write the page with the charts, too.")]


def layers(
    folder: options.StudyFolder,
    study: StudyMeant = None,
    store: options.StoreAddress = None,
    out: Page = None,
    as_json: options.Json = False,
) -> None:
    """Show what each layer of a study is worth, and what it did in training."""
    from darse.cli.layers import LayersRequest, run_layers

    run_layers(LayersRequest(folder, study, store, out, as_json))


def history(
    folder: Annotated[Path, typer.Argument(help="Folder of a study, or of several such folders.")] = Path(),
    store: options.StoreAddress = None,
    out: Page = None,
    as_json: options.Json = False,
) -> None:
    """Show studies over time: cost, verdict, metrics, and the best so far."""
    from darse.cli.history import run_history

    run_history(folder, store=store, out=out, as_json=as_json)


def changes(
    first: Annotated[str, typer.Argument(help="Folder of a study, or its id or name (looked for in folders here).")],
    second: Annotated[str, typer.Argument(help="The same of another one.")],
    store: Annotated[str | None, Option(help="Address of the store that has both; then give ids or names.")] = None,
    as_json: options.Json = False,
) -> None:
    """Show what changed from one study to another: data, settings, versions, result."""
    from darse.cli.history import run_changes

    run_changes(first, second, store=store, as_json=as_json)


def dump(
    folder: Annotated[Path, typer.Argument(help="Folder of a study, or of several such folders.")] = Path(),
    out: Annotated[Path, Option("-o", "--out", help="Folder of the files.")] = Path("darse-dump"),
    kind: Annotated[Literal["csv", "tsv", "jsonl"], Option("--format", help="Of the files.")] = "csv",
    study: Annotated[str | None, Option(help="Id, beginning of an id, or name; every study by default.")] = None,
    store: options.StoreAddress = None,
) -> None:
    """Write everything that is known of studies as CSV or JSON Lines."""
    from darse.cli.dump import run_dump

    run_dump(folder, out=out, kind=kind, study=study, store=store)


def mirror(
    folder: options.StudyFolder,
    to: Annotated[Literal["optuna", "mlflow", "trackio"] | None, Option("--to", help="Which tool.")] = None,
    address: Annotated[
        str | None,
        Option(
            help="Of the tool's own storage or server (optuna, mlflow), or a folder (trackio); in FOLDER by default."
        ),
    ] = None,
    study: StudyMeant = None,
    store: options.StoreAddress = None,
) -> None:
    """Mirror a study to Optuna, MLflow or trackio."""
    from darse.cli.mirror import run_mirror

    run_mirror(folder, to=to, address=address, study=study, store=store)
