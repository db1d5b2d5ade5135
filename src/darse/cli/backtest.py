"""`darse backtest`: the last served texts and a candidate to the answers that would flip."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table as Grid
from rich.text import Text

from darse.amounts import plural
from darse.cli.eval_tables import plain_console
from darse.cli.serve import DEFAULT_STORE
from darse.cli.stop import stopping_cleanly
from darse.names import printable

if TYPE_CHECKING:
    from darse.insight.intervals import Interval
    from darse.testing.backtest import Backtest

_SHOWN_FLIPS = 20
_JSON_FLIPS = 1000
_SHOWN_TEXT = 90


@dataclass(frozen=True)
class BacktestRequest:
    """What somebody wants asked again.

    Attributes:
        candidate: Folder of an adapter or of a study, FOLDER or NAME=FOLDER.
        last: How many served texts, at the most.
        out: Where every flip goes, or None.
        store: Address of the store that has the served texts.
        base: The base model, if it is not where the adapter says.
        trust_remote_code: Whether code of the base model may run.
        as_json: Print JSON.
    """

    candidate: str
    last: int
    out: Path | None = None
    store: str = DEFAULT_STORE
    base: str | None = None
    trust_remote_code: bool = False
    as_json: bool = False


def run_backtest(request: BacktestRequest) -> None:
    """Ask the candidate, and print what it would answer otherwise."""
    with stopping_cleanly("nothing was written") as stop:
        from darse.store.open import open_store
        from darse.testing import backtest
        from darse.testing.matrix_file import entries_of, named_folder

        part = named_folder(request.candidate)
        (candidate,) = entries_of([part], base=request.base, trust_remote_code=request.trust_remote_code)
        with open_store(request.store, must_exist=True) as store:
            stop.is_patient = True
            found = backtest.run_backtest(store, store.traffic, candidate, last=request.last, check=stop.check)
            stop.end_patience()
        if request.out is not None:
            _write(found, request.out)
    if request.as_json:
        from darse.testing.record import backtest_record

        print(json.dumps(backtest_record(found, flips=_JSON_FLIPS), ensure_ascii=False, allow_nan=False))
        return
    _print(found, request.out)


def _write(found: Backtest, out: Path) -> None:
    from darse.data.write import write_rows
    from darse.testing.record import served_flip_record

    kinds: dict[str, type] = {
        "key": str,
        "time": float,
        "text": str,
        "adapter": str,
        "label_before": str,
        "label_after": str,
        "score_before": float,
        "score_after": float,
        "confidence": float,
        "truth": str,
    }
    rows = ({name: served_flip_record(one)[name] for name in kinds} for one in found.flips)
    given = ({**row, "truth": None if row["truth"] is None else str(row["truth"])} for row in rows)
    write_rows(out, list(kinds), given, kinds=kinds, neutralise_formulas=True)  # type: ignore[arg-type]  # texts, numbers and None


def _print(found: Backtest, out: Path | None) -> None:
    console = plain_console()
    name = printable(found.cell.facts.name)
    answered = ", ".join(f"{printable(one)} {count:,}" for one, count in found.adapters.items())
    console.print(f"{name} on the last {plural(found.texts, 'text')} served ({answered})", markup=False)
    if found.flipped is not None:
        console.print(f"another class: {_share(found.flipped)}; {plural(len(found.flips), 'text')}", markup=False)
    if found.moved is not None:
        one = found.moved
        ends = "" if one.low is None or one.high is None else f" [{one.low:+.4g}, {one.high:+.4g}]"
        console.print(f"score: {one.value:+.4g} on average{ends}", markup=False)
    told = [one.is_mended for one in found.flips if one.is_mended is not None]
    if told:
        console.print(
            f"of those with feedback {sum(told):,} are mended, {len(told) - sum(told):,} broken", markup=False
        )
    if any(before != after for before, after in found.matrix):
        grid = Grid(box=None, pad_edge=False)
        for heading in ("was", "would be", "texts"):
            grid.add_column(heading)
        for (before, after), texts in found.matrix.items():
            if before != after:
                grid.add_row(Text(printable(before)), Text(printable(after)), f"{texts:,}")
        console.print(grid)
    for flip in found.flips[:_SHOWN_FLIPS]:
        said = f"{printable(str(flip.served.label))} > {printable(str(flip.label))}"
        if flip.label is None or flip.served.label is None:
            said = f"{flip.served.score:.4g} > {flip.score:.4g}"
        console.print(f"  {said}: {printable(flip.served.text or '', _SHOWN_TEXT)}", markup=False, soft_wrap=True)
    if out is not None:
        console.print(f"flips  {out}", markup=False)


def _share(one: Interval) -> str:
    assert one.low is not None
    assert one.high is not None
    return f"{one.value:.1%} [{one.low:.1%}, {one.high:.1%}]"
