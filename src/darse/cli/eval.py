"""`darse eval`: adapters and labelled files to tables of metrics, beside reference points, resumed cell by cell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from darse.amounts import plural
from darse.cli.serve import DEFAULT_STORE
from darse.cli.stop import Stop, stopping_cleanly
from darse.errors import DataError, InputError
from darse.names import printable
from darse.settings import DataSettings

if TYPE_CHECKING:
    from darse.testing.cells import CellStore
    from darse.testing.dataset import Wanted
    from darse.testing.matrix import Table, Watcher
    from darse.testing.matrix_file import MatrixFile


@dataclass(frozen=True)
class EvalRequest:
    """What somebody wants evaluated.

    Attributes:
        adapters: Folders of adapters or studies, each FOLDER or NAME=FOLDER.
        data: Labelled files.
        settings: Columns of the files, and how they are read.
        rows: Which rows of a file with official splits.
        matrix: A YAML file instead of adapters and data.
        metrics: Names of the metrics; empty for those that fit.
        slices: What to slice by.
        train: Training rows for the reference points.
        study: Folder of the study whose training rows and controls are the reference points.
        references: Whether there are any.
        store: Address of the store.
        base: The base model, if it is not where the adapters say.
        trust_remote_code: Whether code of the base model may run.
        as_json: Print JSON.
        quiet: Print no progress.
    """

    adapters: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    settings: DataSettings = field(default_factory=DataSettings)
    rows: Wanted = "auto"
    matrix: Path | None = None
    metrics: tuple[str, ...] = ()
    slices: tuple[str, ...] = ()
    train: Path | None = None
    study: Path | None = None
    references: bool = True
    store: str = DEFAULT_STORE
    base: str | None = None
    trust_remote_code: bool = False
    as_json: bool = False
    quiet: bool = False


def run_eval(request: EvalRequest) -> None:
    """Fill the matrix and print its tables; what can be checked is, before packages load that take seconds."""
    asked_for = _wanted(request)
    console = Console(stderr=True, quiet=request.quiet or request.as_json, highlight=False, soft_wrap=True)
    with stopping_cleanly("run the same command again to continue") as stop:
        from darse.testing.background import Background, BackgroundRequest, find_background
        from darse.testing.matrix import Asked, fill_matrix
        from darse.testing.matrix_file import AdapterPart, DataPart, entries_of, sets_of

        parts = [one if isinstance(one, AdapterPart) else AdapterPart(folder=one) for one in asked_for.adapters]
        entries = entries_of(parts, base=request.base, trust_remote_code=request.trust_remote_code)
        sets = sets_of([one if isinstance(one, DataPart) else DataPart(file=one) for one in asked_for.data])
        background = Background()
        if asked_for.references:
            train = asked_for.train if isinstance(asked_for.train, DataPart) else None
            named = BackgroundRequest(
                None if train is None else Path(train.file),
                DataSettings() if train is None else train.settings,
                None if asked_for.study is None else Path(asked_for.study),
                request.base,
                request.trust_remote_code,
            )
            background = find_background([one.facts for one in entries], named)
        with open_cells(request.store) as store, showing(console, stop) as watcher:
            asked = Asked(tuple(asked_for.metrics), asked_for.slices)
            tables = fill_matrix(store, entries, sets, background=background, asked=asked, watcher=watcher)
        stop.end_patience()
    if request.as_json:
        from darse.testing.record import table_record

        print(json.dumps({"tables": [table_record(one) for one in tables]}, ensure_ascii=False, allow_nan=False))
        return
    from darse.cli.eval_tables import print_table

    for place, table in enumerate(tables):
        print_table(table, is_first=place == 0)
    tell_missing(tables)


def _wanted(request: EvalRequest) -> MatrixFile:
    """The matrix that is asked for, from the file or from the command line."""
    if request.matrix is not None:
        others = (request.adapters, request.data, request.metrics, request.slices, request.train, request.study)
        if any(others) or not request.references:
            raise InputError("--matrix says itself which adapters and files are meant; drop it, or drop the others")
        from darse.testing.matrix_file import read_matrix

        return read_matrix(request.matrix)
    if not request.adapters or not request.data:
        raise InputError("name at least one adapter and one file with --data, or a file of both with --matrix")
    for one in (*request.data, *([str(request.train)] if request.train is not None else [])):
        check_data(one)
    from darse.testing.matrix_file import DataPart, MetricName, matrix_of, named_folder

    known = get_args(MetricName)
    if unknown := sorted(set(request.metrics) - set(known)):
        raise InputError(f"--metric {printable(unknown[0])!r} is not known; use {', '.join(known)}")
    how = request.settings.model_dump(include=set(DataPart.model_fields) - {"file", "name", "rows"})
    return matrix_of(
        {
            "adapters": [named_folder(one).model_dump() for one in request.adapters],
            "data": [{"file": one, "rows": request.rows, **how} for one in request.data],
            "metrics": request.metrics,
            "slices": request.slices,
            "references": request.references,
            "train": None if request.train is None else {"file": str(request.train), **how},
            "study": None if request.study is None else str(request.study),
        }
    )


def check_data(source: str) -> None:
    """Refuse a file that is not there, before packages are loaded that take seconds."""
    from darse.data.source import refuse_absent

    try:
        refuse_absent(source)
    except DataError:
        raise
    except (OSError, ValueError) as error:
        raise DataError("there is no such file; check the path", path=printable(source, 200)) from error


@contextmanager
def open_cells(address: str) -> Iterator[CellStore]:
    """The store of cells, made if it is not there."""
    from darse.store.open import open_store

    with open_store(address) as store:
        yield store


@contextmanager
def showing(console: Console, stop: Stop) -> Iterator[Watcher]:
    """Show how many cells are done, and stop at the next batch when a signal has come."""
    from darse.testing.matrix import Watcher

    is_live = console.is_terminal and not console.quiet
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not is_live, transient=True) as bar:
        task = bar.add_task("cells", total=None)

        def begun(cells: int, finished: int) -> None:
            stop.is_patient = True
            bar.update(task, total=cells, completed=finished)
            if finished:
                console.print(f"{plural(finished, 'cell')} of {cells:,} finished before", markup=False)

        yield Watcher(stop.check, begun, lambda cell: bar.advance(task))


def tell_missing(tables: list[Table]) -> None:
    """Print rows that a table has not, each reason once."""
    reasons: dict[str, list[str]] = {}
    for table in tables:
        for one in table.missing:
            names = reasons.setdefault(one.reason, [])
            if one.name not in names:
                names.append(one.name)
    for reason, names in reasons.items():
        print(f"missing: {', '.join(map(printable, names))}: {printable(reason, 400)}")
