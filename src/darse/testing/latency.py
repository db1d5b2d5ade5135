"""Entries and some texts to milliseconds of one text alone, measured in turns on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median

from darse.testing.dataset import Dataset
from darse.testing.entry import Check, Entry

MEASURED_TEXTS = 60
"""Texts that are timed: enough for a median, seconds of work."""
_WARM_UP = 5


def measure_ms(
    entries: Mapping[str, Entry],
    data: Dataset,
    *,
    texts: int = MEASURED_TEXTS,
    timer: Callable[[], float] = time.perf_counter,
    check: Check = lambda: None,
) -> dict[str, float]:
    """Median milliseconds of one text, by the names given.

    The entries take turns on every text, so that what else the machine does meets all of them alike.

    Args:
        entries: What answers, by name.
        data: The texts; the first ones are asked.
        texts: How many are timed.
        timer: Seconds, from anywhere.
        check: Called often; raises to stop.
    """
    answers = {name: entry.load() for name, entry in entries.items()}
    seconds: dict[str, list[float]] = {name: [] for name in entries}
    targets = data.targets
    for turn in range(texts + _WARM_UP):
        check()
        at = turn % len(data)
        for name, entry in entries.items():
            target = None if targets is None or not entry.facts.task.has_target else [targets[at]]
            began = timer()
            answers[name]([data.rows[at].text], target, check)
            if turn >= _WARM_UP:
                seconds[name].append(timer() - began)
    return {name: 1000 * median(found) for name, found in seconds.items()}
