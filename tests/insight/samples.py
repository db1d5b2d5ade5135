"""Insights of small files, made once, for tests of what is shown of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from darse.data.kinds import Record
from darse.data.write import write_rows
from darse.insight.columns import Named, find_readable
from darse.insight.insights import Asked, Insights, find_insights
from darse.insight.periods import Period
from darse.settings import DataSettings
from tests.insight.planted import World, write_world

FALLEN = World(groups=6, rows=200, rise=0.55, from_day=440, said=0.8)
"""Group 3 gets worse and says why."""


@cache
def of_world(world: World, *, seed: int = 0, period: Period | None = None) -> Insights:
    """Insights of a planted file."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "world.csv"
        write_world(path, world, np.random.default_rng(seed))
        return find_insights(find_readable(path, Named(DataSettings())), Asked(period=period))


@cache
def of_demo() -> Insights:
    """Insights of the packaged demo set, by product line."""
    with resources.as_file(resources.files("darse.data") / "demo.csv") as path:
        return find_insights(find_readable(path, Named(DataSettings(), by="product_line"), name="demo"), Asked())


def of_rows(folder: Path, rows: Sequence[Record], asked: Asked | None = None, **named: str) -> Insights:
    """Insights of rows that are given."""
    path = folder / "rows.jsonl"
    write_rows(path, list(dict.fromkeys(name for row in rows for name in row)), rows)
    data = DataSettings(text=named.get("text"), label=named.get("label"), score=named.get("score"))
    columns = Named(data, named.get("by"), named.get("time"), named.get("lang"))
    return find_insights(find_readable(path, columns), asked or Asked())


def hostile_rows(texts: Sequence[str]) -> list[Record]:
    """Rows that get worse, with hostile texts for text, group, language and names of columns."""
    rows: list[Record] = []
    stream = np.random.default_rng(0)
    for place in range(600):
        month, group = place % 12, texts[(place // 12) % 5]
        is_bad = stream.random() < (0.9 if month >= 9 and group == texts[0] else 0.3)
        text = f"{texts[place % len(texts)]} evil {texts[(place // 7) % len(texts)]}"
        rows.append(
            {
                f"text {texts[0]}": text.replace("\0", " "),
                "label": "negative" if is_bad else "positive",
                f"by {texts[1]}": group,
                "date": f"2025-{month + 1:02}-{1 + place % 28:02}",
                f"lang {texts[2]}": texts[5 + place % 3],
            }
        )
    return rows
