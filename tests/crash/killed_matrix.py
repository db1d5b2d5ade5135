"""A process that fills a matrix of slow cells in the store that is named, and says so each time that it answers."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from darse.store.open import open_store
from darse.testing.entry import Answer, Check, Entry
from darse.testing.matrix import fill_matrix
from tests.testing.worlds import Floats, an_entry, classed, right_but

SETS = [classed(40 + at, seed=at) for at in range(5)]


def entries(answered: Callable[[str], None], seconds: float) -> list[Entry]:
    """Four entries that answer every set, and tell of each answer before it is kept."""
    largest = max(SETS, key=len)
    return [_told(an_entry(f"entry {at}", largest, right_but(largest, [at])), answered, seconds) for at in range(4)]


def _told(entry: Entry, answered: Callable[[str], None], seconds: float) -> Entry:
    def load() -> Answer:
        own = entry.load()

        def answer(texts: Sequence[str], targets: Sequence[str] | None, check: Check) -> Floats:
            time.sleep(seconds)
            answered(f"{entry.facts.name} {len(texts)}")
            return own(texts, targets, check)

        return answer

    return replace(entry, load=load)


if __name__ == "__main__":
    with open_store(Path(sys.argv[1])) as store:
        fill_matrix(store, entries(lambda text: print(text, flush=True), 0.02), SETS)
