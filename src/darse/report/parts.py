"""What a page is made of: sections of charts, tables, pairs and notes, as plain values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

Figure = Mapping[str, object]
"""A plotly.js figure: `data` and `layout` of plain values; a colour `@name` is looked up in the theme."""

_NUMBER = re.compile(r"[-+−]?[\d,]*\.?\d+(e[-+]?\d+)?( ?%)?")
ABSENT = "–"
NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Table:
    """Rows of text under headings.

    Attributes:
        caption: What it shows.
        columns: Headings.
        rows: Cells, as many as there are headings.
        is_sortable: Whether a heading sorts the rows.
    """

    kind: ClassVar[str] = "table"

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    is_sortable: bool = False

    @cached_property
    def numeric(self) -> tuple[bool, ...]:
        """Which columns hold nothing but numbers; they are set flush right and sorted by value."""
        return tuple(
            all(row[place] in {ABSENT, NOT_MEASURED} or _NUMBER.fullmatch(row[place]) for row in self.rows)
            for place in range(len(self.columns))
        )


@dataclass(frozen=True)
class Chart:
    """A figure that can be read without seeing it.

    Attributes:
        name: Unique on the page.
        caption: How to read it.
        label: What it shows, for a screen reader.
        figure: For plotly.js.
        table: Its data.
        height: In pixels.
    """

    kind: ClassVar[str] = "chart"

    name: str
    caption: str
    label: str
    figure: Figure
    table: Table
    height: int = 340


@dataclass(frozen=True)
class Pairs:
    """Facts by name; long ones are set as code."""

    kind: ClassVar[str] = "pairs"

    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Notes:
    """Sentences that qualify what stands beside them; cautions are set apart."""

    kind: ClassVar[str] = "notes"

    sentences: tuple[str, ...]
    is_caution: bool = False


@dataclass(frozen=True)
class Columns:
    """Parts that stand side by side where there is room."""

    kind: ClassVar[str] = "columns"

    parts: tuple[Table | Pairs | Chart, ...]


Part = Table | Chart | Pairs | Notes | Columns


@dataclass(frozen=True)
class Section:
    """A heading, one sentence on what stands under it, and that.

    Attributes:
        name: Its anchor.
        title: The heading.
        lead: What it shows and how to read it.
        parts: In reading order.
    """

    name: str
    title: str
    lead: str
    parts: tuple[Part, ...]


def charts_of(sections: Iterable[Section]) -> Iterator[Chart]:
    """Every chart of some sections."""
    for section in sections:
        for part in section.parts:
            inner = part.parts if isinstance(part, Columns) else (part,)
            yield from (one for one in inner if isinstance(one, Chart))
