"""Two sides of texts to the phrases that one side has more often than the other, each thing once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from darse.evaluate.losses import Floats
from darse.insight.intervals import Interval, share_interval
from darse.insight.periods import Ints
from darse.insight.phrases import FEWEST_TEXTS, Phrases, Words

PRIOR_PART = 0.25
"""Weight of the prior: as if so large a part of both sides' texts had been seen on either side beforehand, with the
phrase as often as all texts have it."""
ERROR_RATE = 0.05
_MOST_SHOWN = 15
_MOST_WEIGHED = 500
"""Phrases that are merged, at the most; the strongest."""
_SHARED = 0.5
"""Part of the texts of the rarer phrase that makes two overlapping phrases one thing."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Contrast:
    """A phrase that one side has more often.

    Attributes:
        words: The phrase.
        number: Its number among the phrases.
        here: Texts of that side that have it.
        here_share: Their share of the side, with Wilson's interval.
        there: Texts of the other side that have it.
        there_share: Their share.
        z: The log-odds ratio in standard errors.
        corrected: Its p-value, corrected for all phrases.
    """

    words: Words
    number: int
    here: int
    here_share: Interval
    there: int
    there_share: Interval
    z: float
    corrected: float

    @property
    def name(self) -> str:
        """The phrase as people read it."""
        return " ".join(self.words)


@dataclass(frozen=True)
class Counts:
    """How many texts of two sides have each phrase.

    Attributes:
        here: Texts of the one side that have it, (phrases,).
        there: Of the other.
        here_texts: All texts of the one side.
        there_texts: Of the other.
    """

    here: Ints
    there: Ints
    here_texts: int
    there_texts: int

    @property
    def sides(self) -> tuple[tuple[Ints, int], tuple[Ints, int]]:
        """Both sides: the texts that have each phrase, and all texts."""
        return (self.here, self.here_texts), (self.there, self.there_texts)

    def of(self, numbers: Ints) -> Counts:
        """The same of some phrases alone."""
        return Counts(self.here[numbers], self.there[numbers], self.here_texts, self.there_texts)


def log_odds(counts: Counts, shares: Floats) -> Floats:
    """The log-odds ratio of each phrase between two sides, in standard errors.

    With an informative Dirichlet prior: y texts of n have a phrase, the prior is worth A = `PRIOR_PART` (n + n')
    texts, and a = A times the phrase's share of all texts; the log-odds are log((y + a) / (n + A - y - a)), the
    variance of their difference is about 1 / (y + a) + 1 / (y' + a). A phrase that stands twice on one side and never
    on the other gets little.

    Source: Monroe, Colaresi and Quinn (2008), Fightin' Words, Political Analysis 16; there words are counted, here
    the texts that have one.

    Args:
        counts: The texts that have each.
        shares: The share of all texts that have it, above 0.
    """
    weight = PRIOR_PART * (counts.here_texts + counts.there_texts)
    sides = [(one + weight * shares, texts + weight) for one, texts in counts.sides]
    odds = [np.log(have / (texts - have)) for have, texts in sides]
    z: Floats = (odds[0] - odds[1]) / np.sqrt(1 / sides[0][0] + 1 / sides[1][0])
    return z


def chance(counts: Counts) -> Floats:
    """The p-value of each phrase to stand on the one side so often: Fisher's exact test, one-sided.

    A phrase that is no more frequent there than on both sides together gets 1.
    """
    every, have = counts.here_texts + counts.there_texts, counts.here + counts.there
    p = np.ones(len(have))
    raised = np.flatnonzero(counts.here * every > have * counts.here_texts)  # of the others none can be shown
    pairs, places = np.unique(np.column_stack([counts.here, have])[raised], axis=0, return_inverse=True)
    p[raised] = stats.hypergeom.sf(pairs[:, 0] - 1, every, pairs[:, 1], counts.here_texts)[places.ravel()]
    return p


def contrast(phrases: Phrases, here: Mask, there: Mask) -> tuple[Contrast, ...]:
    """The phrases that one side of the texts has more often, strongest first.

    Args:
        phrases: The phrases of all texts.
        here: The texts of the one side.
        there: Those of the other; texts on neither side count for the prior alone.
    """
    if not here.any() or not there.any() or not len(phrases):
        return ()
    counts = Counts(count(phrases, here), count(phrases, there), int(here.sum()), int(there.sum()))
    p = np.ones(len(phrases))
    asked = counts.here + counts.there >= FEWEST_TEXTS
    if not asked.any():
        return ()
    p[asked] = stats.false_discovery_control(chance(counts)[asked])
    shown = merge(phrases, here, counts, np.flatnonzero(p <= ERROR_RATE))
    return tuple(one_of(phrases, counts, number, float(p[number])) for number in shown[:_MOST_SHOWN])


def count(phrases: Phrases, side: Mask) -> Ints:
    """How many texts of a side have each phrase."""
    return np.asarray(phrases.texts[np.flatnonzero(side)].sum(axis=0), dtype=np.int64).ravel()


def one_of(phrases: Phrases, counts: Counts, number: int, corrected: float) -> Contrast:
    """One phrase between two sides."""
    here, there = int(counts.here[number]), int(counts.there[number])
    return Contrast(
        words=phrases.words[number],
        number=number,
        here=here,
        here_share=share_interval(here, counts.here_texts),
        there=there,
        there_share=share_interval(there, counts.there_texts),
        z=float(log_odds(counts, _shares(phrases))[number]),
        corrected=corrected,
    )


def _shares(phrases: Phrases) -> Floats:
    """The share of all texts that have each phrase; below 1 even if all have it, since the odds of 1 are infinite."""
    texts = max(1, phrases.texts.shape[0])
    shares = np.asarray(phrases.texts.sum(axis=0), dtype=np.float64).ravel() / texts
    below: Floats = np.minimum(shares, 1 - 0.5 / texts)
    return below


def merge(phrases: Phrases, here: Mask, counts: Counts, numbers: Sequence[int] | Ints) -> list[int]:
    """The phrases that stay where overlapping ones tell of the same texts, strongest first.

    "not work", "does not work" and "work" in the same texts are one thing, told by the longest of them that has at
    least half of the texts of the strongest.

    Args:
        phrases: All phrases.
        here: The texts of the side that has them.
        counts: Texts that have each.
        numbers: Those to choose from.
    """
    if not len(numbers):
        return []
    z = log_odds(counts, _shares(phrases))
    ordered = sorted(
        (int(one) for one in numbers if z[one] > 0),
        key=lambda one: (-z[one], -len(phrases.words[one]), phrases.words[one]),
    )
    table = phrases.texts[np.flatnonzero(here)][:, ordered[:_MOST_WEIGHED]].tocsc()
    sets = {
        number: frozenset(table.indices[table.indptr[place] : table.indptr[place + 1]].tolist())
        for place, number in enumerate(ordered[:_MOST_WEIGHED])
    }
    things: list[_Thing] = []
    for number, own in sets.items():
        thing = next((one for one in things if one.has(number, phrases.words, sets)), None)
        if thing is None:
            things.append(_Thing(number, [number]))
            continue
        thing.members.append(number)
        is_longer = len(phrases.words[number]) > len(phrases.words[thing.told_by])
        if is_longer and len(own) >= _SHARED * len(sets[thing.members[0]]):
            thing.told_by = number
    return [thing.told_by for thing in things]


@dataclass
class _Thing:
    """Overlapping phrases of the same texts: the one that tells it, and all of them, the strongest first."""

    told_by: int
    members: list[int]

    def has(self, number: int, words: Sequence[Words], sets: Mapping[int, frozenset[int]]) -> bool:
        """Whether a phrase belongs to it: it overlaps with a member, and shares its texts with the strongest."""
        own, strongest = sets[number], self.members[0]
        if len(own & sets[strongest]) < _SHARED * min(len(own), len(sets[strongest])):
            return False
        return any(_overlap(words[number], words[one]) for one in self.members)


def _overlap(one: Words, other: Words) -> bool:
    """Whether two phrases share a word.

    >>> _overlap(("does", "not"), ("not", "work")), _overlap(("late",), ("broken",))
    (True, False)
    """
    return not set(one).isdisjoint(other)
