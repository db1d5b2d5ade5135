"""Methods, sets and a scale to the cells of a table, cheapest first, with the minutes that each should take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.compare.methods import METHODS, TENFOLD
from benchmarks.compare.results import Record, number
from benchmarks.compare.scale import Scale
from benchmarks.compare.sets import SETS

TOKENS_PER_SECOND = 1_800.0
"""Training with rank 8 in all layers of the bundled model, our engine, two cores."""
_START_MINUTES = 0.15
_EVALUATION = 0.3  # of the cost of training on a row


@dataclass(frozen=True)
class Cell:
    """One line of the results file.

    Attributes:
        method: Name of the method.
        set: Name of the set.
        part: `all`; of a cross-validation `search` or `fold 3`.
        scale: How large.
    """

    method: str
    set: str
    part: str
    scale: Scale

    @property
    def key(self) -> str:
        """Its name: cells of another scale have other names."""
        return f"{self.method}/{self.set}/{self.part}/{self.scale.digest()}"

    @property
    def label(self) -> str:
        """What people read."""
        return f"{self.method} on {self.set}, {self.part}"

    @property
    def needs(self) -> Cell | None:
        """The cell whose result it is given."""
        if self.part.startswith("fold"):
            return Cell(self.method, self.set, "search", self.scale)
        needed = METHODS[self.method].needs
        return Cell(needed, self.set, "all", self.scale) if needed else None

    @property
    def minutes(self) -> float:
        """Estimate on two idle cores."""
        method, one, scale = METHODS[self.method], SETS[self.set], self.scale
        rows, valid, test = one.rows
        runs, tests = method.runs + method.more_runs * (scale.seeds - 3), scale.seeds
        if self.part == "search":
            rows = min(int(rows * 0.9), scale.fold_search_rows)
            rows, valid, test = int(rows * 0.7), int(rows * 0.15), int(rows * 0.15)
        elif one.is_tenfold:
            rows, valid, test, runs, tests = int(rows * 0.8), int(rows * 0.1), int(rows * 0.1), 1, 1
        else:
            rows, valid = min(rows, scale.train_rows, one.train_cap), min(valid, scale.valid_rows)
        tokens = 1.3 * one.words + 2
        passes = runs * scale.epochs * (rows + _EVALUATION * valid) * method.weight + tests * _EVALUATION * test
        return _START_MINUTES + passes * tokens / TOKENS_PER_SECOND / 60


def cells(methods: Iterable[str], sets: Sequence[str], scale: Scale) -> list[Cell]:
    """The cells of a table, cheapest first, each after the one that it needs."""
    found: list[Cell] = []
    for name in sets:
        if SETS[name].is_tenfold:
            parts = ["search", *(f"fold {fold}" for fold in range(scale.folds))]
            found += [Cell(TENFOLD, name, part, scale) for part in parts if TENFOLD in methods]
        else:
            found += [Cell(method, name, "all", scale) for method in methods]
    return sorted(found, key=lambda cell: (_whole(cell), cell.part != "search", cell.needs is not None))


def corrected(wanted: Sequence[Cell], done: Mapping[str, Record]) -> dict[str, float]:
    """Estimated minutes by key, scaled by how long finished cells of the same method took against their estimates."""
    spent: dict[str, list[tuple[float, float]]] = {}
    for cell in wanted:
        if cell.key in done:
            spent.setdefault(_family(cell), []).append((number(done[cell.key], "wall_seconds") / 60, cell.minutes))
    every = [pair for pairs in spent.values() for pair in pairs]
    overall = _ratio(every)
    return {
        cell.key: cell.minutes * (_ratio(spent[_family(cell)]) if _family(cell) in spent else overall)
        for cell in wanted
    }


def _family(cell: Cell) -> str:
    return f"{cell.method} {cell.part.split()[0]}"


def _ratio(pairs: Sequence[tuple[float, float]]) -> float:
    return sum(pair[0] for pair in pairs) / sum(pair[1] for pair in pairs) if pairs else 1.0


def _whole(cell: Cell) -> float:
    """What decides the order: a cell that needs another never stands before it, and folds stand together."""
    needed = cell.needs
    return max(cell.minutes, needed.minutes) if needed is not None else cell.minutes
