"""Lines of the results file to entries of the table: a method on a set with its losses, metric and interval."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from benchmarks.compare.cells import Cell
from benchmarks.compare.methods import METHODS, TENFOLD
from benchmarks.compare.results import Floats, Record, number, unpacked
from benchmarks.compare.scale import Scale
from benchmarks.compare.sets import SETS
from darse.evaluate.paired import Estimate, loss_level, paired_effect

_SEED = 0


@dataclass(frozen=True)
class Entry:
    """A method on a set.

    Attributes:
        method: Its name.
        set: Name of the set.
        record: Its line.
    """

    method: str
    set: str
    record: Record

    @cached_property
    def losses(self) -> Floats:
        """Test losses, shape (seeds, rows): 0/1 error or squared error."""
        return unpacked(self.record["losses"])

    @property
    def is_accuracy(self) -> bool:
        """Whether the metric is accuracy, else mean squared error."""
        return self.record["metric"] == "accuracy"

    @property
    def parameters(self) -> int:
        """Trainable parameters, the head left out."""
        return int(number(self.record, "parameters"))

    @property
    def valid(self) -> float:
        """Search loss on validation, mean over seeds."""
        return number(self.record, "valid")

    @cached_property
    def level(self) -> Estimate:
        """The metric on test with its 95 % interval over seeds and rows."""
        found = loss_level(self.losses, seed=_SEED)
        return Estimate(1 - found.mean, 1 - found.high, 1 - found.low) if self.is_accuracy else found

    def gain_over(self, other: Entry) -> Estimate:
        """How much lower the loss is than another's, in the metric's units, paired over seeds and rows."""
        return paired_effect(self.losses, other.losses, seed=_SEED)

    def relative_gain_over(self, other: Entry) -> float:
        """The gain as a part of the other's metric; infinity over an error of 0 that is beaten."""
        gain = self.gain_over(other).mean
        return gain / other.level.mean if other.level.mean else math.copysign(math.inf, gain)


Table = Mapping[tuple[str, str], Entry]


def entries(records: Mapping[str, Record], scale: Scale) -> Table:
    """Every finished method and set of a scale.

    Raises:
        ValueError: Two lines of a set were made from different rows, so they cannot be compared.
    """
    found = {}
    for name, one in SETS.items():
        for method in METHODS if not one.is_tenfold else ():
            key = Cell(method, name, "all", scale).key
            if key in records:
                found[method, name] = Entry(method, name, records[key])
        digests = {str(entry.record["data_sha256"]) for (_, on), entry in found.items() if on == name}
        if len(digests) > 1:
            raise ValueError(f"{name}: lines of the results file were made from different rows; start a new file")
    return found


@dataclass(frozen=True)
class Folds:
    """A cross-validation.

    Attributes:
        accuracies: Accuracy of each finished fold, shape (folds,).
        parameters: Of the adapter.
        seconds: Of search and folds.
        is_whole: Whether all folds are there.
        search: The line of the search.
    """

    accuracies: Floats
    parameters: int
    seconds: float
    is_whole: bool
    search: Record

    @property
    def level(self) -> Estimate:
        """Mean accuracy with a 95 % t interval over the folds."""
        from scipy.special import stdtrit

        count, mean = len(self.accuracies), float(self.accuracies.mean())
        if count < 2:
            return Estimate(mean, math.nan, math.nan)
        width = float(stdtrit(count - 1, 0.975)) * float(self.accuracies.std(ddof=1)) / math.sqrt(count)
        return Estimate(mean, mean - width, mean + width)


def folds_of(records: Mapping[str, Record], name: str, scale: Scale) -> Folds | None:
    """The cross-validation on a set; None before its first fold."""
    search = records.get(Cell(TENFOLD, name, "search", scale).key)
    keys = [Cell(TENFOLD, name, f"fold {place}", scale).key for place in range(scale.folds)]
    done = [records[key] for key in keys if key in records]
    if search is None or not done:
        return None
    accuracies = np.array([1 - unpacked(one["losses"]).mean() for one in done])
    seconds = sum(number(one, "seconds") for one in (search, *done))
    return Folds(accuracies, int(number(search, "parameters")), seconds, len(done) == scale.folds, search)
