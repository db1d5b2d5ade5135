"""Rows to a table that the server sorts and cuts into pages, with a link for every other way to see it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from darse.report.parts import Part
from darse.ui.query import Query

PAGE = 50
"""Rows of a page."""
MAX_PAGE = 1_000_000
UP, DOWN = "up", "down"


@dataclass(frozen=True)
class Cell:
    """A cell.

    Attributes:
        text: What it says.
        href: Where it leads; empty for nowhere.
        note: What stands below it, small.
    """

    text: str
    href: str = ""
    note: str = ""


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        text: The heading.
        is_number: Whether it is flush right.
        href: What sorts by it; empty if nothing does.
        order: `ascending`, `descending` or empty: how the rows are sorted by it.
    """

    text: str
    is_number: bool = False
    href: str = ""
    order: str = ""


@dataclass(frozen=True)
class Listing:
    """A page of a table.

    Attributes:
        caption: What it shows.
        columns: Headings.
        rows: Cells, as many as there are headings.
        empty: What stands there without rows.
        page: Which page it is, from 1.
        pages: How many there are.
        before: The page before; empty if there is none.
        after: The next page; empty if there is none.
        links: What has all rows: a text and an address each.
    """

    kind: ClassVar[str] = "listing"

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    empty: str = "Nothing is there yet."
    page: int = 1
    pages: int = 1
    before: str = ""
    after: str = ""
    links: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class ListingSection:
    """A section of the page that has such a table, shown as a `Section` is.

    Attributes:
        name: Its anchor.
        title: The heading.
        lead: What it shows and how to read it.
        parts: In reading order.
    """

    name: str
    title: str
    lead: str
    parts: tuple[Listing | Part, ...]


@dataclass(frozen=True)
class Order:
    """How rows are sorted.

    Attributes:
        name: By what; empty for the usual order.
        is_descending: From the largest to the smallest.
    """

    name: str
    is_descending: bool

    @classmethod
    def of(cls, query: Query, names: Sequence[str], usual: str = "", *, is_descending: bool = False) -> Order:
        """The order that a query asks for, among some names."""
        name = query.choice("sort", names, usual)
        way = query.choice("way", (UP, DOWN), DOWN if is_descending and name == usual else UP)
        return cls(name, way == DOWN)

    def column(self, text: str, name: str, query: Query, *, is_number: bool = False) -> Column:
        """A heading that sorts, and the other way round where it does already."""
        is_this = name == self.name
        way = UP if is_this and self.is_descending else DOWN if is_this else UP
        order = "" if not is_this else "descending" if self.is_descending else "ascending"
        return Column(text, is_number, query.link(sort=name, way=way, page=None), order)


def page_of(query: Query, total: int) -> tuple[int, int]:
    """Which page is asked for, and how many there are; beyond the last one it is the last.

    >>> page_of(Query.of("/", "page=99999999999999999999"), 120)
    (3, 3)
    """
    pages = max(1, math.ceil(total / PAGE))
    return min(query.number("page", 1, low=1, high=MAX_PAGE), pages), pages


def listed(
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    query: Query,
    *,
    total: int,
    empty: str = "Nothing is there yet.",
    links: Sequence[tuple[str, str]] = (),
) -> Listing:
    """A page of a table with links to the pages beside it.

    Args:
        caption: What it shows.
        columns: Headings.
        rows: Those of the page.
        query: Which page it is.
        total: Rows of all pages.
        empty: What stands there without rows.
        links: What has all rows.
    """
    page, pages = page_of(query, total)
    return Listing(
        caption=caption,
        columns=columns,
        rows=rows,
        empty=empty,
        page=page,
        pages=pages,
        before=query.link(page=page - 1) if page > 1 else "",
        after=query.link(page=page + 1) if page < pages else "",
        links=links,
    )
