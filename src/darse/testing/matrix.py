"""Entries and data sets to a matrix of cells with their figures, resumed cell by cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from darse.amounts import plural
from darse.data.labelled import text_key
from darse.insight.intervals import Interval
from darse.testing.background import Background
from darse.testing.cells import Cell, CellStore, UnfitError, compute_cell, find_cell, refuse_unfit
from darse.testing.dataset import Dataset
from darse.testing.entry import Check, Entry, Facts
from darse.testing.quality import FEW_ROWS, Judged, figures, judge_cell
from darse.testing.references import Missing, text_keys
from darse.testing.slices import Slice, find_slices


@dataclass(frozen=True, slots=True)
class Figures:
    """Metrics of one entry on some rows.

    Attributes:
        entry: Name of the entry.
        by: What the rows are sliced by; empty for all rows.
        value: What is true of these rows; empty for all.
        rows: How many.
        metrics: By name, with intervals.
    """

    entry: str
    by: str
    value: str
    rows: int
    metrics: dict[str, Interval]

    @property
    def is_small(self) -> bool:
        """Whether there are too few rows to go by."""
        return self.rows < FEW_ROWS


@dataclass(frozen=True)
class Table:
    """What the entries show on one data set.

    Attributes:
        data: The data set.
        entries: What is known of each entry that answered, in the order of the table.
        cells: Their cells, in that order.
        whole: Figures of each on all rows.
        slices: Figures of each on each slice.
        missing: Rows that the table has not, with the reasons.
        notes: What to know of the rows.
    """

    data: Dataset
    entries: tuple[Facts, ...]
    cells: tuple[Cell, ...]
    whole: tuple[Figures, ...]
    slices: tuple[Figures, ...]
    missing: tuple[Missing, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Asked:
    """What a matrix is asked for.

    Attributes:
        metrics: Names of the metrics; empty for those that fit.
        slices: What to slice by.
    """

    metrics: tuple[str, ...] = ()
    slices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Watcher:
    """Who is told how a matrix goes.

    Attributes:
        check: Called often; raises to stop.
        begun: Told how many cells there are, and how many are finished already.
        finished: Told of each cell that was computed.
    """

    check: Check = lambda: None
    begun: Callable[[int, int], None] = lambda cells, finished: None
    finished: Callable[[Cell], None] = field(default=lambda cell: None)


def fill_matrix(
    store: CellStore,
    entries: Sequence[Entry],
    sets: Sequence[Dataset],
    *,
    background: Background | None = None,
    asked: Asked | None = None,
    watcher: Watcher | None = None,
) -> list[Table]:
    """A table for each data set, with every entry and every reference point that can be judged on it.

    Finished cells are read back; only those that are missing are computed, and each is kept as soon as it is there, so
    that a matrix that was stopped or killed goes on with the first missing one. An entry is loaded once, and only if
    one of its cells is missing.

    Args:
        store: Where cells are kept.
        entries: The adapters.
        sets: The data sets.
        background: The reference points.
        asked: Metrics and slices.
        watcher: Who is told.

    Raises:
        UnfitError: No adapter can be judged on any data set.
        InputError: A slice or a base model is not there.
    """
    background, asked, watcher = background or Background(), asked or Asked(), watcher or Watcher()
    slices = {data.digest: find_slices(data, asked.slices) for data in sets}
    unfit: dict[tuple[str, str], Missing] = {}
    everybody = [*entries, *background.entries]
    for data in sets:
        for entry in everybody:
            try:
                refuse_unfit(entry.facts.task, data, entry.facts.name)
            except UnfitError as error:
                unfit[entry.facts.digest, data.digest] = Missing(entry.facts.name, str(error))
    if all((entry.facts.digest, data.digest) in unfit for entry in entries for data in sets):
        raise UnfitError("; ".join(dict.fromkeys(one.reason for one in list(unfit.values())[:3])))
    cells = _cells(store, everybody, sets, unfit, watcher)
    return [_table(data, everybody, cells, unfit, background, slices[data.digest], asked) for data in sets]


def _cells(
    store: CellStore,
    entries: Sequence[Entry],
    sets: Sequence[Dataset],
    unfit: dict[tuple[str, str], Missing],
    watcher: Watcher,
) -> dict[tuple[str, str], Cell]:
    """Every cell that can be, by the digests of entry and data."""
    pairs = [(one, data) for one in entries for data in sets if (one.facts.digest, data.digest) not in unfit]
    known = {(one.facts.digest, data.digest): find_cell(store, one.facts, data) for one, data in pairs}
    cells = {pair: cell for pair, cell in known.items() if cell is not None}
    watcher.begun(len(known), len(cells))
    for entry in entries:
        once = replace(entry, load=cache(entry.load))
        for data in sets:
            pair = (entry.facts.digest, data.digest)
            if pair in known and pair not in cells:
                cells[pair] = compute_cell(store, once, data, check=watcher.check)
                watcher.finished(cells[pair])
    return cells


def _table(
    data: Dataset,
    entries: Sequence[Entry],
    cells: dict[tuple[str, str], Cell],
    unfit: dict[tuple[str, str], Missing],
    background: Background,
    slices: Sequence[Slice],
    asked: Asked,
) -> Table:
    there = [one for one in entries if (one.facts.digest, data.digest) in cells]
    found = [cells[one.facts.digest, data.digest] for one in there]
    judged = [(one.facts.name, judge_cell(cell, data)) for one, cell in zip(there, found, strict=True)]
    wanted = {name: asked.metrics or _usual(one) for name, one in judged}
    lacking = [unfit[one.facts.digest, data.digest] for one in entries if (one.facts.digest, data.digest) in unfit]
    return Table(
        data=data,
        entries=tuple(one.facts for one in there),
        cells=tuple(found),
        whole=tuple(Figures(name, "", "", len(one), figures(one, wanted=wanted[name])) for name, one in judged),
        slices=tuple(
            Figures(
                name, part.by, part.value, len(part.places), figures(one, part.places, wanted=_of(part, wanted[name]))
            )
            for part in slices
            for name, one in judged
        ),
        missing=(*lacking, *background.missing),
        notes=(*data.notes, *_leaks(data, background.train)),
    )


def _usual(judged: Judged) -> tuple[str, ...]:
    """The metrics that a table has where nobody names others."""
    classes = ("accuracy", "macro_f1") if judged.task.classes else ()
    return (*classes, *(("mse", "mae") if judged.task.has_score else ()))


def _of(part: Slice, wanted: Sequence[str]) -> list[str]:
    """The metrics that mean something on a slice: rows of one class have no mean over classes."""
    return [name for name in wanted if part.by != "label" or name != "macro_f1"]


def _leaks(data: Dataset, train: Dataset | None) -> list[str]:
    """A warning where rows were learned from."""
    if train is None:
        return []
    known = text_keys(train)
    seen = sum(text_key(text, None) in known for text in data.texts)
    if not seen:
        return []
    return [
        f"{plural(seen, 'row')} of {data.name} stand in the training rows of the study too; figures on them say how "
        "well was learned by heart"
    ]
