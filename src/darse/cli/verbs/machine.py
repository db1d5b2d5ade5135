"""The verbs about what a search stands on, `sites` and `doctor`: their options to what the rooms below take."""

from __future__ import annotations

from typing import Annotated

import typer

from darse.cli import options
from darse.cli.options import Option


def sites(
    model: Annotated[str, typer.Argument(help="minilm, a folder, or a hub name.")] = "minilm",
    granularity: Annotated[str, Option(help="layer (default), module or group:4.")] = "layer",
    trust_remote_code: Annotated[bool, Option("--trust-remote-code", help="Run code of the model.")] = False,
    as_json: options.Json = False,
) -> None:
    """List a model's layers, and what a rank costs in each."""
    from darse.cli.sites import run_sites

    run_sites(model, granularity, trust_remote_code=trust_remote_code, as_json=as_json)


def doctor(
    model: Annotated[str, Option(help="Base model to check.")] = "minilm",
    store: Annotated[str | None, Option(help="Address of a store to check.")] = None,
    as_json: options.Json = False,
) -> None:
    """Check machine, packages, model and store, and say what to mend."""
    from darse.cli.doctor import run_doctor

    run_doctor(model, store=store, as_json=as_json)
