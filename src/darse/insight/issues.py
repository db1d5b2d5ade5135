"""What moved and what texts say to the issues that emerged lately, the surest first, with the rows that show each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from darse.evaluate.losses import Floats
from darse.insight.contrast import Contrast, Counts, chance, count, merge, one_of
from darse.insight.examples import Example, pick_examples
from darse.insight.intervals import Interval, Level
from darse.insight.movement import Movement
from darse.insight.periods import Ints
from darse.insight.phrases import FEWEST_TEXTS, Phrases
from darse.insight.rows import Rows
from darse.insight.sample import Sample
from darse.insight.windows import Windows

MOST_ISSUES = 20
SAID_RATE = 0.01
"""As the error rate of groups, for phrases that emerge: stricter, since thousands are asked and each has to be read."""
SURE_STEPS = (0.001, 0.01)
"""Corrected p-values up to which an issue is very sure, and sure; the others are fairly sure."""
_NAMED_PHRASES = 4
_MOST_ASKED = 200
"""Groups whose phrases are looked at, those with the most texts lately."""
_BESIDE = 0.05
"""Uncorrected p-value up to which a phrase is told beside a group that fell."""
_FEWEST_BESIDE = 3
_Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Issue:
    """Something that got worse lately.

    Attributes:
        group: Where: a group, a language, or all rows.
        dimension: What it is a group of.
        phrase: What its negative texts say more often, or None if the group as a whole got worse.
        since: The first day of it, as an ordinal.
        before: The level before.
        after: The level since.
        difference: How much the mean has risen (below zero).
        corrected: Its p-value, corrected for all that was asked.
        evidence: `change point`, `latest time` or `phrase`.
        phrases: What goes with it.
        examples: Rows that show it.
    """

    group: str
    dimension: str
    phrase: Contrast | None
    since: int
    before: Level | None
    after: Level | None
    difference: Interval | None
    corrected: float
    evidence: str
    phrases: tuple[Contrast, ...]
    examples: tuple[Example, ...]


def find_issues(
    rows: Rows, windows: Windows, movements: Sequence[Movement], sample: Sample, phrases: Phrases
) -> tuple[Issue, ...]:
    """Groups that got worse lately, and phrases of which negative texts of a group are full lately.

    Args:
        rows: All rows.
        windows: The stretches of time.
        movements: How each group moved.
        sample: The texts that are held.
        phrases: Their phrases.
    """
    texts = _Texts(rows, windows, sample, phrases)
    fallen = [issue for one in movements if (issue := _fallen(one, windows, texts)) is not None]
    said = _untold(list(_said(movements, windows, texts)), fallen)
    return tuple(sorted([*fallen, *said], key=_rank)[:MOST_ISSUES])


def _untold(said: Sequence[Issue], fallen: Sequence[Issue]) -> Iterator[Issue]:
    """Phrases that are not told already: by their group that fell, or, of all rows, by a group that has them."""
    told = {(issue.group, phrase.number) for issue in fallen for phrase in issue.phrases}
    own = {number for _, number in told} | {
        one.phrase.number for one in said if one.phrase and one.dimension == "group"
    }
    for issue in said:
        number = issue.phrase.number if issue.phrase else -1
        if (issue.group, number) not in told and not (issue.dimension == "all" and number in own):
            yield issue


def _rank(issue: Issue) -> tuple[int, bool, float, float]:
    """By how sure it is, in the steps that people are told; then groups, by how far they fell at the least."""
    step = sum(issue.corrected > edge for edge in SURE_STEPS)
    least = issue.difference.high if issue.difference and issue.difference.high is not None else 0.0
    return step, issue.phrase is not None, issue.corrected if issue.phrase else least, issue.corrected


def is_recent_fall(movement: Movement, windows: Windows) -> bool:
    """Whether a group got worse, and lately."""
    if movement.direction != "worse":
        return False
    return _is_by_change(movement, windows) or not (movement.changes and _is_change_surer(movement))


def _is_by_change(movement: Movement, windows: Windows) -> bool:
    """Whether the last change tells of it: it went down, and lately."""
    if not movement.changes:
        return False
    last = movement.changes[-1]
    return last.difference.value < 0 and last.day >= windows.recent


def _is_change_surer(movement: Movement) -> bool:
    assert movement.p is not None, "what moved was tested"
    assert movement.change_p is not None, "what moved was tested"
    return movement.change_p <= movement.p


class _Texts:
    """The texts that are held, with where and when each stands."""

    def __init__(self, rows: Rows, windows: Windows, sample: Sample, phrases: Phrases) -> None:
        self.rows, self.sample, self.phrases = rows, sample, phrases
        self.days = rows.days[sample.rows]
        self.is_negative: _Mask = rows.sentiment.signs[sample.rows] < 0
        self._windows = windows

    def of(self, movement: Movement) -> _Mask:
        """Those of a group; of all rows, those that were drawn evenly."""
        if movement.dimension == "all":
            return self.sample.is_even
        numbers = self.rows.groups if movement.dimension == "group" else self.rows.languages
        inside: _Mask = numbers[self.sample.rows] == movement.place
        return inside

    def negative_counts(self, own: _Mask, since: int, before: int) -> Counts:
        """Negative texts with each phrase since a day, against those before.

        Of negative texts alone: where their share rises, every word is in more of them.
        """
        negative = own & self.is_negative
        here, there = negative & (self.days >= since), negative & (self.days >= before) & (self.days < since)
        return Counts(count(self.phrases, here), count(self.phrases, there), int(here.sum()), int(there.sum()))


def _fallen(movement: Movement, windows: Windows, texts: _Texts) -> Issue | None:
    if not is_recent_fall(movement, windows):
        return None
    assert movement.corrected is not None, "what fell was tested"
    if _is_by_change(movement, windows):
        change, earlier = movement.changes[-1], movement.changes[:-1]
        since, begins = change.day, earlier[-1].day if earlier else windows.first
        before, after, moved, evidence = change.before, change.after, change.difference, "change point"
    else:
        assert movement.before is not None, "what was tested has rows on both sides"
        assert movement.latest is not None, "what was tested has rows on both sides"
        assert movement.difference is not None, "what was tested has rows on both sides"
        since, begins, evidence = windows.latest, windows.before, "latest time"
        before, after, moved = movement.before, movement.latest, movement.difference
    named = _goes_with(texts, texts.of(movement), since, begins)
    own = texts.of(movement) & (texts.days >= since)
    return Issue(
        group=movement.name,
        dimension=movement.dimension,
        phrase=None,
        since=since,
        before=before,
        after=after,
        difference=moved,
        corrected=movement.corrected,
        evidence=evidence,
        phrases=named,
        examples=_examples(texts, own, [one.number for one in named]),
    )


def _goes_with(texts: _Texts, own: _Mask, since: int, begins: int) -> tuple[Contrast, ...]:
    """What negative texts of a group say more often than its others since a day; told beside, no claim of its own."""
    here = own & texts.is_negative & (texts.days >= since)
    there = own & (texts.days >= begins) & ~here
    if not len(texts.phrases) or not here.any() or not there.any():
        return ()
    counts = Counts(count(texts.phrases, here), count(texts.phrases, there), int(here.sum()), int(there.sum()))
    p = chance(counts)
    found = np.flatnonzero((p <= _BESIDE) & (counts.here >= _FEWEST_BESIDE))
    numbers = merge(texts.phrases, here, counts, found)[:_NAMED_PHRASES]
    named = [one_of(texts.phrases, counts, one, float(p[one])) for one in numbers]
    return tuple(one for one in named if one.z >= named[0].z / 2)


def _examples(texts: _Texts, own: _Mask, numbers: Sequence[int]) -> tuple[Example, ...]:
    """Rows of a group to read, those with the first of its phrases before the others."""
    negative = own & texts.is_negative
    weights = 0.5 ** np.arange(len(numbers))
    has = np.asarray(texts.phrases.texts[:, numbers] @ weights).ravel() if len(numbers) else None
    return pick_examples(texts.rows, texts.sample, negative if negative.any() else own, has)


def _said(movements: Sequence[Movement], windows: Windows, texts: _Texts) -> Iterator[Issue]:
    """Phrases that negative texts of a group have more often in the latest time, all groups corrected together."""
    asked = sorted((one for one in movements if one.latest and one.p is not None), key=_latest_rows)[-_MOST_ASKED:]
    chances: list[Floats] = []
    tried: list[Ints] = []
    for movement in asked:
        counts = texts.negative_counts(texts.of(movement), windows.latest, windows.before)
        numbers = np.flatnonzero(counts.here + counts.there >= FEWEST_TEXTS)
        tried.append(numbers)
        chances.append(chance(counts.of(numbers)))
    if not sum(map(len, chances)):
        return
    corrected = np.split(stats.false_discovery_control(np.concatenate(chances)), np.cumsum([*map(len, chances)])[:-1])
    for movement, numbers, p in zip(asked, tried, corrected, strict=True):
        if (p <= SAID_RATE).any():
            yield from _said_by(movement, dict(zip(numbers.tolist(), p.tolist(), strict=True)), windows, texts)


def _latest_rows(movement: Movement) -> int:
    return movement.latest.rows if movement.latest is not None else 0


def _said_by(movement: Movement, corrected: Mapping[int, float], windows: Windows, texts: _Texts) -> Iterator[Issue]:
    own = texts.of(movement)
    counts = texts.negative_counts(own, windows.latest, windows.before)
    latest = own & (texts.days >= windows.latest)
    shown = [number for number, p in corrected.items() if p <= SAID_RATE]
    for number in merge(texts.phrases, latest & texts.is_negative, counts, shown):
        yield Issue(
            group=movement.name,
            dimension=movement.dimension,
            phrase=one_of(texts.phrases, counts, number, corrected[number]),
            since=windows.latest,
            before=movement.before,
            after=movement.latest,
            difference=movement.difference,
            corrected=corrected[number],
            evidence="phrase",
            phrases=(),
            examples=_examples(texts, latest, [number]),
        )
