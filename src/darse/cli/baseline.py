"""`darse baseline`: names for adapters, set, listed, and with their history."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from darse.cli.serve import DEFAULT_STORE
from darse.cli.watch import moment_words
from darse.errors import InputError
from darse.names import printable

if TYPE_CHECKING:
    from darse.testing.baselines import Baseline

Action = Literal["list", "set", "history"]
_WIDTH = 200


@dataclass(frozen=True)
class BaselineRequest:
    """What somebody wants of baselines.

    Attributes:
        action: `list` what every name means now, `set` a name, or show its `history`.
        name: The name.
        adapter: Folder of an adapter or of a study, to set.
        note: What to write beside it.
        store: Address of the store.
        as_json: Print JSON.
    """

    action: Action = "list"
    name: str | None = None
    adapter: Path | None = None
    note: str = ""
    store: str = DEFAULT_STORE
    as_json: bool = False


def run_baseline(request: BaselineRequest) -> None:
    """Set a baseline, or print what there is."""
    _check_usage(request)
    from darse.store.open import open_store
    from darse.testing.baselines import baseline_history, current_baselines, set_baseline

    if request.action == "set":
        from darse.testing.entry import adapter_entry

        assert request.name is not None
        assert request.adapter is not None
        facts = adapter_entry(request.adapter).facts
        with open_store(request.store) as store:
            found = [set_baseline(store.evaluations, request.name, facts, now=time.time(), note=request.note)]
    else:
        with open_store(request.store, must_exist=True) as store:
            if request.action == "list":
                found = current_baselines(store.evaluations)
            else:
                found = baseline_history(store.evaluations, request.name)
    if not found:
        raise InputError("there is no such baseline; set one with: darse baseline set NAME ADAPTER")
    if request.as_json:
        from darse.testing.record import baseline_record

        print(json.dumps([baseline_record(one) for one in found], ensure_ascii=False, allow_nan=False))
        return
    _print(found)


def _check_usage(request: BaselineRequest) -> None:
    if request.action == "set" and (request.name is None or request.adapter is None):
        raise InputError("say which name is set and to what: darse baseline set NAME ADAPTER")
    if request.action == "list" and request.name is not None:
        raise InputError(f"darse baseline list shows every name; for one: darse baseline history {request.name}")
    if request.action == "history" and request.adapter is not None:
        raise InputError("darse baseline history takes a name alone")
    if request.note and request.action != "set":
        raise InputError("--note is written beside a name that is set")


def _print(found: list[Baseline]) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH
    grid = Grid(box=None, pad_edge=False)
    for heading in ("name", "since (UTC)", "adapter", "folder", "note"):
        grid.add_column(heading)
    for one in found:
        cells = (one.name, moment_words(one.time), one.facts.adapter[:12], one.facts.folder, one.note)
        grid.add_row(*(Text(printable(cell, 120)) for cell in cells))
    console.print(grid)
