"""Texts that were served, and a candidate, to what it would have answered otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from darse.amounts import plural
from darse.errors import InputError
from darse.insight.intervals import Interval, mean_interval, share_interval
from darse.store.traffic import Feedback, Served, Traffic
from darse.testing.cells import Cell, CellStore, compute_cell
from darse.testing.dataset import dataset_of_texts
from darse.testing.entry import Check, Entry

MOST_TEXTS = 100_000


@dataclass(frozen=True, slots=True)
class ServedFlip:
    """A served text that the candidate answers otherwise.

    Attributes:
        served: What was answered.
        label: The candidate's class, or None.
        score: The candidate's score, or None.
        confidence: Probability of the candidate's class, or None.
        truth: What was told to be true of the text, or None.
    """

    served: Served
    label: str | None
    score: float | None
    confidence: float | None
    truth: Feedback | None

    @property
    def is_mended(self) -> bool | None:
        """Whether the candidate is right where the answer was wrong; None if neither is known to be right."""
        if self.truth is None or self.truth.label is None:
            return None
        if self.label == self.truth.label:
            return True
        return False if self.served.label == self.truth.label else None


@dataclass(frozen=True)
class Backtest:
    """A candidate on the texts that were served.

    Attributes:
        cell: The candidate's answers.
        texts: How many different texts were asked again.
        adapters: How many of them each adapter had answered, by name.
        flipped: Part of the texts with another class, with its interval; None without classes.
        moved: Mean change of the score, with its interval; None without scores.
        flips: The texts with another class, or, without classes, with another score; the surest first.
        matrix: How many texts went from which class to which.
    """

    cell: Cell
    texts: int
    adapters: Mapping[str, int]
    flipped: Interval | None
    moved: Interval | None
    flips: tuple[ServedFlip, ...]
    matrix: Mapping[tuple[str, str], int]


def run_backtest(store: CellStore, traffic: Traffic, candidate: Entry, *, last: int, check: Check) -> Backtest:
    """Ask a candidate the last texts that were answered to somebody, each once.

    Args:
        store: Where cells are kept.
        traffic: What was answered.
        candidate: Who is asked again.
        last: How many texts, at the most.
        check: Called often; raises to stop.

    Raises:
        InputError: No text was kept, or texts have no target and the candidate needs one.
    """
    if not 1 <= last <= MOST_TEXTS:
        raise InputError(f"--last is {last}; 1 to {MOST_TEXTS:,} texts can be asked again")
    served = traffic.latest(last, with_text=True)
    if not served:
        raise InputError(_why_none(traffic))
    needs_target = candidate.facts.task.has_target
    usable = [one for one in served if not needs_target or one.target is not None]
    if not usable:
        raise InputError(f"{candidate.facts.name} needs a target for each text, and none was served with one")
    data = dataset_of_texts("served texts", [one.text or "" for one in usable], [one.target for one in usable])
    cell = compute_cell(store, candidate, data, check=check)
    return compare_served(cell, usable, _truths(traffic, usable))


def compare_served(cell: Cell, served: Sequence[Served], truths: Mapping[str, Feedback]) -> Backtest:
    """Put a candidate's answers beside those that were served.

    Args:
        cell: The candidate's answers.
        served: What was answered, in the order of the rows.
        truths: What was told to be true, by the key of a text.
    """
    task = cell.facts.task
    labels: list[str | None] = list(cell.labels) if task.classes else [None] * len(served)
    chances = cell.answers[:, : len(task.classes)].max(axis=1).tolist() if task.classes else [None] * len(served)
    scores = cell.scores.tolist() if task.has_score else [None] * len(served)
    pairs = [
        ServedFlip(one, label, score, chance, truths.get(one.key))
        for one, label, score, chance in zip(served, labels, scores, chances, strict=True)
    ]
    classed = [one for one in pairs if one.label is not None and one.served.label is not None]
    scored = [one for one in pairs if one.score is not None and one.served.score is not None]
    changed = [one for one in classed if one.label != one.served.label]
    steps = [(one.score or 0.0) - (one.served.score or 0.0) for one in scored]
    flips = changed
    if not classed:
        flips = [one for one in scored if one.score != one.served.score]
    return Backtest(
        cell=cell,
        texts=len(served),
        adapters=dict(Counter(one.name for one in served).most_common()),
        flipped=share_interval(len(changed), len(classed)) if classed else None,
        moved=mean_interval(np.array(steps)) if steps else None,
        flips=tuple(sorted(flips, key=_surest_first)),
        matrix=dict(Counter((str(one.served.label), str(one.label)) for one in classed).most_common()),
    )


def _surest_first(flip: ServedFlip) -> tuple[float, str]:
    if flip.confidence is not None:
        return -flip.confidence, flip.served.key
    return -abs((flip.score or 0.0) - (flip.served.score or 0.0)), flip.served.key


def _truths(traffic: Traffic, served: Sequence[Served]) -> dict[str, Feedback]:
    """What was told to be true of the texts, by key; the last word counts."""
    since, until = min(one.time for one in served), max(one.time for one in served)
    return {one.key: truth for one, truth in traffic.judged(since, until + 1.0)}


def _why_none(traffic: Traffic) -> str:
    known = traffic.latest(MOST_TEXTS)
    if not known:
        return "nothing was answered in this store; serve an adapter with darse serve --keep-text, or name its --store"
    return (
        f"of {plural(len(known), 'answer')} only digests of the texts were kept, and a digest cannot be asked again; "
        "serve with --keep-text to keep the texts"
    )
