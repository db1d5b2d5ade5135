"""Files of texts with a planted change in one group, or with none, for tests and for the benchmark."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

FIRST = date(2025, 1, 1)
PLANTED = "group 3"
PHRASE = "battery died"


@dataclass(frozen=True)
class World:
    """What a file is made of.

    Attributes:
        groups: How many groups there are.
        rows: Rows of each.
        negative: Share of negative rows; the others are neutral or positive.
        days: How many days there are.
        rise: By how much the share of negative rows rises in the planted group.
        from_day: From which day on.
        said: Share of the planted group's negative rows, from that day on, that say the planted phrase.
    """

    groups: int = 20
    rows: int = 60
    negative: float = 0.35
    days: int = 540
    rise: float = 0.0
    from_day: int = 420
    said: float = 0.0


def write_world(path: Path, world: World, stream: np.random.Generator) -> None:
    """Write a CSV of `date`, `product`, `text`, `label`; rows are in an order of chance."""
    amount = world.groups * world.rows
    groups = stream.permutation(np.repeat(np.arange(world.groups), world.rows))
    days = stream.integers(0, world.days, amount)
    is_planted = (groups == 3) & (days >= world.from_day)
    is_negative = stream.random(amount) < world.negative + world.rise * is_planted
    is_neutral = stream.random(amount) < 0.4
    says = is_planted & is_negative & (stream.random(amount) < world.said)
    ranks = 1 / np.arange(1, 401)
    words = stream.choice(400, (amount, 12), p=ranks / ranks.sum())
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["date", "product", "text", "label"])
        for row in range(amount):
            text = " ".join(f"word{number}" for number in words[row]) + (f" {PHRASE}" if says[row] else "")
            label = "negative" if is_negative[row] else "neutral" if is_neutral[row] else "positive"
            out.writerow([FIRST + timedelta(int(days[row])), f"group {groups[row]}", text, label])
