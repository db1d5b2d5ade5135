"""`darse audit`: what an adapter from anywhere holds, as a table, as JSON and as a page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from darse.cli.stop import stopping_cleanly
from darse.cli.tables import print_table

if TYPE_CHECKING:
    from darse.model.audit import Audit

_MANY_MODULES = 48
"""More than this many are shown by layer; the page and --json have every one."""


def run_audit(adapter: str, *, out: Path | None, as_json: bool) -> None:
    """Print an audit, and write its page if one is asked for."""
    with stopping_cleanly():
        from darse.files import write_durably
        from darse.model.audit import audit
        from darse.model.peft_adapter import find_adapter, read_peft_adapter
        from darse.report.audit_page import render_audit

        found = audit(read_peft_adapter(find_adapter(adapter)), adapter)
        if out is not None:
            write_durably(out, render_audit(found).encode(), follows_link=True)
    if as_json:
        print(json.dumps(_as_json(found), indent=2))
    else:
        _print(found)
        if out is not None:
            print(f"\npage  {out}")


def _print(found: Audit) -> None:
    from darse.report.audit_page import (
        LAYER_COLUMNS,
        MODULE_COLUMNS,
        about,
        layer_rows,
        module_rows,
        notes,
        savings,
    )
    from darse.report.words import count

    console = Console(highlight=False, soft_wrap=True)
    console.print(about(found), markup=False)
    console.print(f"{count(found.parameters)} parameters\n", markup=False)
    if len(found.modules) <= _MANY_MODULES:
        print_table(console, MODULE_COLUMNS, module_rows(found))
    else:
        print_table(console, LAYER_COLUMNS, layer_rows(found))
        console.print("--out PAGE.html and --json have every module\n", markup=False)
    saved = savings(found)
    print_table(console, saved.columns, saved.rows)
    for note in notes(found):
        console.print(note, markup=False)


def _as_json(found: Audit) -> dict[str, object]:
    from darse.model.audit import SHARES

    return {
        "adapter": found.name,
        "base": found.base_name,
        "task_type": found.task_type,
        "parameters": found.parameters,
        "cut": {f"{share:g}": found.cost_at(share) for share in SHARES},
        "modules": [
            {
                "name": one.name,
                "layer": one.layer,
                "rank": one.rank,
                "d_in": one.d_in,
                "d_out": one.d_out,
                "parameters": one.parameters,
                "spectral_norm": one.spectral_norm,
                "frobenius_norm": one.frobenius_norm,
                "effective_rank": one.effective_rank,
                "ranks": {f"{share:g}": one.rank_for(share) for share in SHARES},
                "singular_values": list(one.values),
            }
            for one in found.modules
        ],
        "whole": found.whole,
        "left_out": found.left_out,
    }
