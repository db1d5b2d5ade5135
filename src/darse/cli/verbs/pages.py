"""The verb that shows pages, `ui`: its options to what the room below takes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from darse.cli.options import Option


def ui(
    places: Annotated[
        list[str] | None,
        typer.Argument(help="Folders of studies, folders of such, store files or addresses (this folder)."),
    ] = None,
    host: Annotated[str | None, Option(help="Address to listen on (127.0.0.1); others need DARSE_TOKEN.")] = None,
    port: Annotated[int | None, Option(help="Port to listen on (8080); 0 takes a free one.")] = None,
    allow_host: Annotated[
        list[str] | None, Option("--allow-host", help="Name to be called by, besides localhost; may be given again.")
    ] = None,
    rules: Annotated[
        Path | None, Option(help="Alert rules (YAML): mute one or fire it as a test from the page.")
    ] = None,
    browser: Annotated[bool, Option("--open", help="Show the first page in a browser.")] = False,
) -> None:
    """Look at studies, running ones too, and at what was served, in a browser."""
    from darse.cli.ui import UiRequest, run_ui

    given: dict[str, object] = {
        "host": host,
        "port": port,
        "allowed_hosts": tuple(allow_host) if allow_host else None,
    }
    run_ui(UiRequest(places or (), given, rules, opens_browser=browser))
