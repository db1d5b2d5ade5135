"""What somebody wants to look at to pages that are there until they are stopped."""

from __future__ import annotations

import os
import webbrowser
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

from darse.cli.serve import ADMIN_TOKEN, TOKEN
from darse.cli.stop import stopping_cleanly
from darse.errors import MissingExtraError


@dataclass(frozen=True)
class UiRequest:
    """What somebody wants to look at.

    Attributes:
        places: Folders of studies, folders of such folders, store files, addresses of database servers.
        options: Settings of the pages, as far as they are given.
        rules: A file of alert rules, for what can be done about them.
        opens_browser: Whether a browser is shown the first page.
    """

    places: Sequence[str]
    options: dict[str, object]
    rules: Path | None = None
    opens_browser: bool = False


def run_ui(request: UiRequest) -> None:
    """Show the pages until Ctrl-C or SIGTERM."""
    for package in ("fastapi", "uvicorn"):
        if find_spec(package) is None:
            raise MissingExtraError(package, "ui", "or write a report with darse report")
    from darse.ui.run import Ui
    from darse.ui.settings import ui_settings
    from darse.ui.shelf import Shelf

    secrets = {"token": os.environ.get(TOKEN) or None, "admin_token": os.environ.get(ADMIN_TOKEN) or None}
    settings = ui_settings({**request.options, **secrets})
    shelf = Shelf(request.places or ["."])
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with stopping_cleanly("nothing was changed by looking"):
        ui = Ui(shelf, settings, request.rules)
        stores = len(shelf.stores())
        found = f"{stores} {'store' if stores == 1 else 'stores'}" if stores else "no store yet"
        guarded = f"a token is asked for ({TOKEN})" if settings.token is not None else "no token is asked for"
        console.print(f"{found}; open {ui.address}/ in a browser; {guarded}; Ctrl-C stops it", markup=False)
        if request.opens_browser:
            webbrowser.open(f"{ui.address}/")
        ui.run()
