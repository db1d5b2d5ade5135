"""A file once more to some of its texts: all of them, or as many drawn at random as are held at once."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darse.data.labels import is_number, parse_score
from darse.data.source import naming
from darse.data.tally import Tally
from darse.evaluate.losses import Floats
from darse.insight.columns import Readable
from darse.insight.periods import Ints
from darse.insight.rows import Rows
from darse.insight.usable import UsableRow, usable_rows
from darse.insight.windows import Windows
from darse.seeds import numpy_stream

MOST_TEXTS = 40_000
"""Texts of the latest time, and of all other time, that are held."""
_OWN_TEXTS = 500
"""Beyond these, of a group that is looked at closely, on either side."""
MOST_WORDS = 200
"""Words of a text that are read; longer texts repeat themselves, and memory stays bounded."""
_MOST_DIFFERENT = 1_000_000
SHOWN_CHARACTERS = 400
"""Of a text that is shown."""
_MOST_WORD_CHARACTERS = 40
BREAK = 0
"""Stands in the place of a sentence mark, a comma, or a word that is not counted: no phrase goes across."""
_WORDS = re.compile(r"[^\W\d_]\w*(?:['’-]\w+)*|[.,;:!?()\[\]\"\n]")
_CHECKED_ROWS = 4096


@dataclass(frozen=True)
class Sample:
    """Texts of some rows.

    Attributes:
        rows: Which rows they are, (texts,), ascending.
        texts: Their beginnings, one character more than are shown, (texts,).
        sure: The probability of the class of each, as `darse score` writes it; 1 where it is not known, (texts,).
        is_even: Which were drawn evenly from all rows, (texts,); the others are of groups looked at closely.
        words: The words of all texts, one after another, as places in `vocabulary`.
        owners: The text of each word.
        vocabulary: The words; the first is `BREAK`.
    """

    rows: Ints
    texts: Sequence[str]
    sure: Floats
    is_even: NDArray[np.bool_]
    words: NDArray[np.int32]
    owners: NDArray[np.int32]
    vocabulary: Sequence[str]

    def __len__(self) -> int:
        return len(self.texts)


def read_sample(
    file: Readable,
    rows: Rows,
    windows: Windows | None,
    closely: Sequence[int],
    *,
    seed: int,
    most: int = MOST_TEXTS,
    check: Callable[[], None] = lambda: None,
) -> Sample:
    """Read a file once more for its texts.

    Args:
        file: The file.
        rows: What was gathered from it.
        windows: The stretches of time, if there are any.
        closely: Places of groups whose texts are wanted in any case.
        seed: Of the draw.
        most: Texts of the latest time, and of all other time, that are drawn evenly.
        check: Called often; it may raise to stop.

    Raises:
        DataError: The file cannot be read any more.
    """
    even, wanted = _choose(rows, windows, closely, seed=seed, most=most)
    held = _Held(file.columns.probabilities)
    with naming(file.path), closing(usable_rows(file, Tally())) as usable:
        for place, row in enumerate(usable):
            if place >= len(wanted):
                break  # the file has grown since
            if wanted[place]:
                held.add(place, row)
            if place % _CHECKED_ROWS == 0:
                check()
    return held.finish(even)


def _choose(
    rows: Rows, windows: Windows | None, closely: Sequence[int], *, seed: int, most: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which rows are drawn evenly, and which are held."""
    stream = numpy_stream(seed, "insights", "texts")
    is_latest = rows.days >= windows.latest if windows is not None else np.zeros(len(rows), dtype=bool)
    even = np.zeros(len(rows), dtype=bool)
    for side in (is_latest, ~is_latest):
        even[_drawn(np.flatnonzero(side), most, stream)] = True
    wanted = even.copy()
    for group in closely:
        own = rows.groups == group
        for side in (is_latest, ~is_latest):
            wanted[_drawn(np.flatnonzero(side & own), _OWN_TEXTS, stream)] = True
    return even, wanted


def _drawn(places: NDArray[np.int64], most: int, stream: np.random.Generator) -> NDArray[np.int64]:
    return places if len(places) <= most else stream.choice(places, most, replace=False)


def words_of(text: str) -> list[str]:
    """The words of a text, and its marks, in small letters.

    >>> words_of("It doesn’t work, at ALL (H5)!")
    ['it', "doesn't", 'work', ',', 'at', 'all', '(', 'h5', ')', '!']
    """
    return _WORDS.findall(text.casefold().replace("’", "'"))


class _Held:
    """Texts and words while a file is read."""

    def __init__(self, probabilities: Mapping[str, str]) -> None:
        self._probabilities = probabilities
        self._rows, self._sure = array("q"), array("d")
        self._texts: list[str] = []
        self._words, self._owners = array("i"), array("i")
        self._vocabulary: dict[str, int] = {"": BREAK}

    def add(self, place: int, usable: UsableRow) -> None:
        owner = len(self._texts)
        self._rows.append(place)
        self._texts.append(usable.text[: SHOWN_CHARACTERS + 1])
        self._sure.append(self._probability(usable))
        # a word has a letter and is seldom longer than a few; what is beyond is not cut up at all
        found = words_of(usable.text[: MOST_WORDS * _MOST_WORD_CHARACTERS])[:MOST_WORDS]
        self._words.extend(map(self._number, found))
        self._owners.extend([owner] * len(found))

    def _number(self, word: str) -> int:
        known = self._vocabulary.get(word)
        if known is not None:
            return known
        is_word = word[0].isalpha() and len(word) <= _MOST_WORD_CHARACTERS
        if not is_word or len(self._vocabulary) >= _MOST_DIFFERENT:
            return BREAK
        self._vocabulary[word] = len(self._vocabulary)
        return len(self._vocabulary) - 1

    def _probability(self, usable: UsableRow) -> float:
        cell = usable.row.cells.get(self._probabilities.get(usable.label or "", ""))
        return parse_score(cell) if is_number(cell) else 1.0

    def finish(self, even: NDArray[np.bool_]) -> Sample:
        rows = np.array(self._rows, dtype=np.int64)
        return Sample(
            rows=rows,
            texts=self._texts,
            sure=np.array(self._sure, dtype=np.float64),
            is_even=even[rows],
            words=np.array(self._words, dtype=np.int32),
            owners=np.array(self._owners, dtype=np.int32),
            vocabulary=list(self._vocabulary),
        )
