"""A data set to slices: rows by a column, by length, by class or by negation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from darse.errors import InputError
from darse.insight.sample import words_of
from darse.names import printable
from darse.testing.dataset import Dataset

_AUXILIARIES = ("ai", "are", "ca", "could", "did", "does", "do", "had", "has", "have", "is", "must", "need", "should",
                "was", "were", "wo", "would")  # fmt: skip
NEGATIONS = frozenset(
    ("no", "not", "none", "nobody", "nothing", "nowhere", "never", "neither", "nor", "cannot", "without", "hardly",
     "scarcely", "barely", "lacks", "lacking", *(f"{one}{end}" for one in _AUXILIARIES for end in ("n't", "nt")))
)  # fmt: skip
"""English words that negate (docs/eval.md lists them)."""
LENGTHS = (0, 50, 150, 500)
"""Characters above which the next slice of length begins."""
MOST_VALUES = 20
"""Slices of a column at the most, those with most rows; the rest is one more."""
OTHERS, EMPTY, NOT_ENGLISH = "(others)", "(empty)", "(not English: not sliced)"
_LANGUAGES = ("lang", "language")
_LATIN = 0x250
"""Letters from here on are of other scripts, or rare ones."""


@dataclass(frozen=True, eq=False)
class Slice:
    """Some rows of a data set.

    Attributes:
        by: What they are sliced by: a column, `length`, `label` or `negation`.
        value: What is true of these rows.
        places: Which rows, ascending.
    """

    by: str
    value: str
    places: NDArray[np.intp]

    @property
    def name(self) -> str:
        """Both, as a gate's file writes it."""
        return f"{self.by}={self.value}"


def find_slices(data: Dataset, wanted: Sequence[str]) -> list[Slice]:
    """The slices of a data set, by each of the given ways, the largest of a column first.

    Args:
        data: The data set.
        wanted: `length`, `label`, `negation`, or else the name of a column.

    Raises:
        InputError: There is no such column, or no label.
    """
    found: list[Slice] = []
    for by in dict.fromkeys(wanted):
        if by in _WAYS:
            found += _WAYS[by](data)
        elif by in data.cells:
            found += _by_value(by, [value or EMPTY for value in data.cells[by]])
        else:
            shown = ", ".join(map(printable, list(dict.fromkeys([*_WAYS, *data.cells]))[:30]))
            raise InputError(f"{data.name} cannot be sliced by {printable(by)!r}; there are: {shown}")
    return found


def is_negated(text: str) -> bool:
    """Whether a text has an English word that negates.

    >>> is_negated("I don’t like it"), is_negated("Nothing to add"), is_negated("A notable annoyance")
    (True, True, False)
    """
    return not NEGATIONS.isdisjoint(words_of(text))


def _by_value(by: str, values: Sequence[str]) -> list[Slice]:
    counts = Counter(values).most_common()
    often = {value for value, _ in counts[:MOST_VALUES]}
    named = np.array([value if value in often else OTHERS for value in values])
    order = [value for value, _ in counts[:MOST_VALUES]] + ([OTHERS] if len(counts) > MOST_VALUES else [])
    return [Slice(by, value, np.flatnonzero(named == value)) for value in order]


def _by_label(data: Dataset) -> list[Slice]:
    if not data.has_label:
        raise InputError(f"{data.name} has no label to slice by; name its column with --label")
    return _by_value("label", [row.label or EMPTY for row in data.rows])


def _by_length(data: Dataset) -> list[Slice]:
    lengths = np.array([len(row.text) for row in data.rows])
    found = [
        Slice("length", f"{low + 1} to {high} characters", np.flatnonzero((lengths > low) & (lengths <= high)))
        for low, high in pairwise(LENGTHS)
    ]
    found.append(Slice("length", f"over {LENGTHS[-1]} characters", np.flatnonzero(lengths > LENGTHS[-1])))
    return [one for one in found if len(one.places)]


def _by_negation(data: Dataset) -> list[Slice]:
    """With a negation and without; rows that are not English are put aside, as far as that can be told."""
    language = next((data.cells[name] for name in data.cells if name.casefold() in _LANGUAGES), None)
    values = []
    for place, row in enumerate(data.rows):
        if not _is_english(row.text, None if language is None else language[place]):
            values.append(NOT_ENGLISH)
        else:
            values.append("with" if is_negated(row.text) else "without")
    named = np.array(values)
    return [
        Slice("negation", value, places)
        for value in ("with", "without", NOT_ENGLISH)
        if len(places := np.flatnonzero(named == value))
    ]


def _is_english(text: str, language: str | None) -> bool:
    """By the column of the language where there is one, else by the script: most letters are Latin ones."""
    if language:
        return language.casefold().replace("_", "-").split("-")[0] in {"en", "eng", "english"}
    letters = [letter for letter in text if letter.isalpha()]
    return 2 * sum(ord(letter) < _LATIN for letter in letters) >= len(letters)


_WAYS: dict[str, Callable[[Dataset], list[Slice]]] = {
    "label": _by_label,
    "length": _by_length,
    "negation": _by_negation,
}
