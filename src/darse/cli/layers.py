"""`darse layers`: what each layer of a study is worth and did while it was trained, as a table, JSON and a page."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from darse.cli.stop import stopping_cleanly
from darse.cli.tables import print_table
from darse.store.folder import refuse_empty

if TYPE_CHECKING:
    from darse.analysis.overview import Overview


@dataclass(frozen=True)
class LayersRequest:
    """What somebody wants to know of a study.

    Attributes:
        folder: Its folder.
        study: Its id, the beginning of it, or its name; None for the one of the folder.
        store: Address of its store; None for the file in the folder.
        out: Where the page goes; None writes none.
        as_json: Print JSON.
    """

    folder: Path
    study: str | None = None
    store: str | None = None
    out: Path | None = None
    as_json: bool = False


def run_layers(request: LayersRequest) -> None:
    """Print the layers of a study, and write their page if one is asked for."""
    refuse_empty(request.folder, request.store)
    with stopping_cleanly("nothing was written"):
        from darse.analysis.layers_page import render_layers
        from darse.analysis.overview import overview_of, overview_record
        from darse.analysis.studied import read_study
        from darse.archive import choose_study, open_archive
        from darse.files import write_durably

        with open_archive(request.folder, request.store) as store:
            record = choose_study(store, request.folder, request.study, address=request.store)
            found = overview_of(read_study(store, record), store)
        if request.out is not None:
            write_durably(request.out, render_layers(found).encode(), follows_link=True)
    if request.as_json:
        print(json.dumps(overview_record(found), indent=2))
        return
    _print(found)
    if request.out is not None:
        print(f"page  {request.out}")


_ENDS = slice(3, 5)
"""Of the interval: a terminal has no room for them; the page and JSON have them."""


def _print(found: Overview) -> None:
    from darse.analysis.layers_page import (
        COLUMNS,
        EFFECT_COLUMNS,
        about,
        cautions,
        effect_rows,
        explained_words,
        layer_rows,
        stability_words,
    )

    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{about(found)}\n", markup=False)
    if rows := layer_rows(found):
        print_table(console, _few(COLUMNS), list(map(_few, rows)))
    else:
        console.print("nothing is known of its layers yet\n", markup=False)
    if found.effects:
        print_table(console, EFFECT_COLUMNS, effect_rows(found.effects))
    warnings = cautions(found)
    for warning in warnings:
        console.print(f"caution: {warning}", markup=False)
    if found.stability is not None and found.stability.is_stable:
        console.print(f"loss if left out: {stability_words(found.stability)}", markup=False)
    if found.importances is not None and not any("worth" in warning for warning in warnings):
        console.print(f"worth of rank: {explained_words(found)}", markup=False)


def _few(cells: tuple[str, ...]) -> tuple[str, ...]:
    return (*cells[: _ENDS.start], *cells[_ENDS.stop :])
