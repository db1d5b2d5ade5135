"""`darse compare`: adapters on one labelled file to their paired differences and the examples that flipped."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from darse.amounts import plural
from darse.cli.eval import check_data, open_cells, showing, tell_missing
from darse.cli.eval_tables import count_words, plain_console, print_table
from darse.cli.serve import DEFAULT_STORE
from darse.cli.stop import stopping_cleanly
from darse.data.source import DEMO
from darse.errors import InputError
from darse.names import printable
from darse.settings import DataSettings

if TYPE_CHECKING:
    from darse.testing.comparison import Comparison, Pair
    from darse.testing.dataset import Wanted
    from darse.testing.difference import Difference

_SHOWN_FLIPS = 5
_JSON_FLIPS = 1000
_SHOWN_TEXT = 90
_SURE = 0.05


@dataclass(frozen=True)
class CompareRequest:
    """What somebody wants compared.

    Attributes:
        adapters: Folders of adapters or studies, each FOLDER or NAME=FOLDER; the others are held against the first.
        data: A labelled file.
        settings: Columns of the file, and how it is read.
        rows: Which rows of a file with official splits.
        metric: What pairs are compared by; None takes accuracy where there are classes, else mse.
        slices: What to slice by.
        references: Whether the table has reference points too.
        out: Where the examples that flipped go, all of them; None prints a few.
        store: Address of the store.
        base: The base model, if it is not where the adapters say.
        trust_remote_code: Whether code of the base model may run.
        as_json: Print JSON.
        quiet: Print no progress.
    """

    adapters: tuple[str, ...]
    data: str
    settings: DataSettings = field(default_factory=DataSettings)
    rows: Wanted = "auto"
    metric: str | None = None
    slices: tuple[str, ...] = ()
    references: bool = True
    out: Path | None = None
    store: str = DEFAULT_STORE
    base: str | None = None
    trust_remote_code: bool = False
    as_json: bool = False
    quiet: bool = False


def run_compare(request: CompareRequest) -> None:
    """Compare adapters and print what differs; finished cells are read back."""
    _check_usage(request)
    console = Console(stderr=True, quiet=request.quiet or request.as_json, highlight=False, soft_wrap=True)
    with stopping_cleanly("run the same command again to continue") as stop:
        from darse.testing.background import Background, BackgroundRequest, find_background
        from darse.testing.comparison import compare_entries
        from darse.testing.dataset import read_dataset
        from darse.testing.matrix import fill_matrix
        from darse.testing.matrix_file import entries_of, named_folder

        entries = entries_of(
            [named_folder(one) for one in request.adapters],
            base=request.base,
            trust_remote_code=request.trust_remote_code,
        )
        data = read_dataset(request.data, request.settings, part=request.rows)
        background = Background()
        if request.references:
            wanted = BackgroundRequest(base=request.base, trust_remote_code=request.trust_remote_code)
            background = find_background([one.facts for one in entries], wanted)
        with open_cells(request.store) as store, showing(console, stop) as watcher:
            (table,) = fill_matrix(store, entries, [data], background=background, watcher=watcher)
        stop.end_patience()
        found = compare_entries(table, slices=request.slices, metric=request.metric)
        if request.out is not None:
            _write_flips(found, request.out)
    if request.as_json:
        from darse.testing.record import comparison_record

        print(json.dumps(comparison_record(found, flips=_JSON_FLIPS), ensure_ascii=False, allow_nan=False))
        return
    _print(found, request.out)


def _check_usage(request: CompareRequest) -> None:
    if len(request.adapters) < 2:
        raise InputError("name at least two adapters or studies; the others are held against the first")
    check_data(request.data)
    if request.out is not None and request.data != DEMO and request.out.resolve() == Path(request.data).resolve():
        raise InputError(f"the result would overwrite {request.data}; give another -o")


def _write_flips(found: Comparison, out: Path) -> None:
    """Every flip of every pair, one a row."""
    from darse.data.write import write_rows
    from darse.testing.record import flip_record

    columns = ["first", "second", "line", "text", "target", "truth", "before", "after", "change"]
    rows = (
        {"first": one.first, "second": one.second, **flip_record(flip)} for one in found.pairs for flip in one.flips
    )
    kinds: dict[str, type] = dict.fromkeys(columns, str) | {"line": int, "change": float}
    given = ({**row, "truth": str(row["truth"])} for row in rows)
    write_rows(out, columns, given, kinds=kinds, neutralise_formulas=True)


def _print(found: Comparison, out: Path | None) -> None:
    console = plain_console()
    print_table(found.table, is_first=True)
    for pair in found.pairs:
        console.print(f"\n{_sentence(pair)}", markup=False, soft_wrap=True)
        if pair.slices:
            console.print(_slice_grid(pair))
        _print_flips(console, pair)
    for point in found.points:
        if point.beaten_by:
            name, better = printable(point.name), printable(point.beaten_by)
            console.print(f"{name} is beaten by {better} in quality, parameters and time together", markup=False)
    if found.ranks:
        console.print("\nranks", markup=False)
        console.print(_rank_grid(found))
    tell_missing([found.table])
    if out is not None:
        console.print(f"\nflips  {out}", markup=False)


def _sentence(pair: Pair) -> str:
    """What a pair shows, in words."""
    one = pair.difference
    first, second = printable(pair.first), printable(pair.second)
    if one.p > _SURE:
        judgement = f"no difference shown between {second} and {first}"
    else:
        judgement = f"{second} is {'better' if one.effect.value > 0 else 'worse'} than {first}"
    test = "McNemar" if one.metric == "accuracy" else "paired t"
    changed = (
        f"{plural(one.gained, 'row')} right only by {second}, {one.lost:,} only by {first}"
        if one.metric == "accuracy"
        else f"{plural(one.gained, 'row')} nearer, {one.lost:,} farther off"
    )
    return f"{judgement}: {one.metric} {effect_words(one)} (p {one.p:.2g}, {test}; {changed})"


def effect_words(one: Difference) -> str:
    """The effect of a difference with its interval, as people read it."""
    effect, scale = one.effect, 100.0 if one.metric == "accuracy" else 1.0
    form, unit = ("+.2f", " points") if one.metric == "accuracy" else ("+.4g", "")
    assert effect.low is not None
    assert effect.high is not None
    return f"{scale * effect.value:{form}}{unit} [{scale * effect.low:{form}}, {scale * effect.high:{form}}]"


def _slice_grid(pair: Pair) -> Grid:
    grid = Grid(box=None, pad_edge=False)
    for heading in ("slice", "rows", "gain", "p", "p corrected"):
        grid.add_column(heading, justify="left" if heading == "slice" else "right")
    for one in pair.slices:
        rows = f"{one.difference.rows:,}{' (few)' if one.is_small else ''}"
        name = Text(f"{printable(one.by)} = {printable(one.value)}")
        grid.add_row(name, rows, effect_words(one.difference), f"{one.difference.p:.2g}", f"{one.q:.2g}")
    return grid


def _print_flips(console: Console, pair: Pair) -> None:
    first, second = printable(pair.first), printable(pair.second)
    for lead, flips in (
        (f"{second} mends", [one for one in pair.flips if one.change > 0]),
        (f"{second} breaks", [one for one in pair.flips if one.change < 0]),
    ):
        for flip in flips[:_SHOWN_FLIPS]:
            truth = flip.row.label if flip.row.label is not None else f"{flip.row.score:g}"
            said = f"{first} {printable(flip.before)}, {second} {printable(flip.after)}, true {printable(str(truth))}"
            console.print(
                f"  {lead} line {flip.row.line}: {said}: {printable(flip.row.text, _SHOWN_TEXT)}",
                markup=False,
                soft_wrap=True,
            )


def _rank_grid(found: Comparison) -> Grid:
    names = [one.name for one in found.table.entries if one.ranks and one.kind == "adapter"]
    grid = Grid(box=None, pad_edge=False)
    grid.add_column("")
    for name in names:
        grid.add_column(Text(printable(name)), justify="right")
    for place, ranks in found.ranks.items():
        grid.add_row(Text(printable(place)), *(str(ranks.get(name, 0)) for name in names))
    costs = {one.name: one.parameters for one in found.table.entries}
    grid.add_row("parameters", *(count_words(costs[name]) for name in names))
    return grid
