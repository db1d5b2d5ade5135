"""The words of texts to the phrases of one to three words that several texts have, and which texts have which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import sparse

from darse.insight.periods import Ints
from darse.insight.sample import BREAK, Sample

FEWEST_TEXTS = 5
"""Texts that have a phrase, at the least."""
_LONGEST = 3
_MOST_PHRASES = 20_000
"""Of each length; those that most texts have."""
_TELLING = frozenset(
    {"not", "no", "never", "cannot", "cant", "nothing", "nobody", "none", "nor", "neither", "without"}
    | {"up", "off", "down", "out", "over", "again", "too", "less", "few", "back", "against"}
)
"""Negations and particles that the list of function words has, but that carry the meaning of a complaint."""
_MORE_FUNCTION_WORDS = frozenset({"it's", "i'm", "i've", "that's", "does", "did", "just", "really"})

Words = tuple[str, ...]


@dataclass(frozen=True)
class Phrases:
    """Phrases, and the texts that have them.

    Attributes:
        words: The words of each phrase.
        texts: Which texts have which phrase, a sparse matrix (texts, phrases) of 0 and 1.
    """

    words: Sequence[Words]
    texts: sparse.csr_matrix

    def __len__(self) -> int:
        return len(self.words)


def find_phrases(sample: Sample) -> Phrases:
    """The phrases that at least `FEWEST_TEXTS` texts have.

    A longer phrase is looked for only where both shorter ones in it are frequent (Agrawal and Srikant 1994), so memory
    holds no phrase that a single text has. Phrases end at commas and sentence marks. One that begins or ends with an
    English function word, such as "of the", is left out; negations are none.
    """
    owners, words = sample.owners.astype(np.int64), sample.words.astype(np.int64)
    codes, names = np.where(words == BREAK, -1, words), [(one,) for one in sample.vocabulary]
    found: list[Words] = []
    places: list[tuple[Ints, Ints]] = []
    for length in range(1, _LONGEST + 1):
        kept, numbers = _frequent(codes, owners)
        if length == 1:
            names = [names[code] for code in kept]
        else:
            names = [
                (*names[code // len(sample.vocabulary)], sample.vocabulary[code % len(sample.vocabulary)])
                for code in kept
            ]
        at, numbered = _telling(names, numbers)
        places.append((owners[at], numbered + len(found)))
        found += [name for name in names if _is_telling(name)]
        codes = _longer(numbers, words, owners, length, len(sample.vocabulary))
    rows, columns = (np.concatenate(one) for one in zip(*places, strict=True))
    texts = sparse.csr_matrix((np.ones(len(rows), dtype=np.int32), (rows, columns)), shape=(len(sample), len(found)))
    texts.data[:] = 1  # what stands in a text twice counts once
    return Phrases(found, texts)


def _frequent(codes: Ints, owners: Ints) -> tuple[Ints, Ints]:
    """The codes that enough texts have, and at each place the number of its code among them, or -1."""
    at = np.flatnonzero(codes >= 0)
    known, numbers = np.unique(codes[at], return_inverse=True)
    once = np.unique(numbers * (int(owners.max(initial=0)) + 1) + owners[at]) // (int(owners.max(initial=0)) + 1)
    texts = np.bincount(once, minlength=len(known))
    least = FEWEST_TEXTS
    if len(known) > _MOST_PHRASES:
        least = max(least, int(np.partition(texts, -_MOST_PHRASES)[-_MOST_PHRASES]))
    is_kept = texts >= least
    renumbered = np.where(is_kept, np.cumsum(is_kept) - 1, -1)
    result = np.full(len(codes), -1, dtype=np.int64)
    result[at] = renumbered[numbers]
    return known[is_kept], result


def _telling(names: Sequence[Words], numbers: Ints) -> tuple[Ints, Ints]:
    """Where telling phrases stand, and their numbers among the telling ones."""
    is_telling = np.array([_is_telling(name) for name in names], dtype=bool)
    at = np.flatnonzero(numbers >= 0)
    at = at[is_telling[numbers[at]]]
    return at, (np.cumsum(is_telling) - 1)[numbers[at]]


def _longer(numbers: Ints, words: Ints, owners: Ints, length: int, vocabulary: int) -> Ints:
    """At each place the code of the phrase that is one word longer, or -1."""
    codes = np.full(len(numbers), -1, dtype=np.int64)
    first = numbers[:-length]
    fits = (first >= 0) & (numbers[1 : len(numbers) - length + 1] >= 0) & (owners[:-length] == owners[length:])
    fits &= words[length:] != BREAK
    codes[: len(first)][fits] = first[fits] * vocabulary + words[length:][fits]
    return codes


def _is_telling(name: Words) -> bool:
    """Whether a phrase means something by itself: "not work" does, "not" and "the work of" do not."""
    is_empty = all(word in _TELLING or word in _function_words() or word.endswith("n't") for word in name)
    return not is_empty and not {name[0], name[-1]} & _function_words()


@cache
def _function_words() -> frozenset[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return frozenset(ENGLISH_STOP_WORDS) - _TELLING | _MORE_FUNCTION_WORDS
