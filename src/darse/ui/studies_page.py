"""The stores of a shelf to the list of their studies, filtered and sorted."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from darse.errors import DarseError
from darse.names import printable
from darse.report.facts import VERDICT_WORDS
from darse.report.parts import ABSENT, Notes, Part
from darse.report.words import count
from darse.store.overview import Head
from darse.ui.form import Field, Form
from darse.ui.listing import PAGE, Cell, Column, Listing, ListingSection, Order, listed, page_of
from darse.ui.moments import moment_words
from darse.ui.query import Query, address
from darse.ui.shelf import Shelf, Shelved

STATES = ("running", "finished", "stopped")
_SORTS: dict[str, Callable[[Line], object]] = {
    "begun": lambda line: line.created,
    "name": lambda line: line.name.casefold(),
    "state": lambda line: line.state,
    "trials": lambda line: line.trials,
}


@dataclass(frozen=True)
class Line:
    """A study of the list.

    Attributes:
        shelved: Its store.
        head: What the store says of it.
    """

    shelved: Shelved
    head: Head

    @property
    def name(self) -> str:
        """What people call it."""
        return self.head.record.name if self.head.record else "damaged"

    @property
    def state(self) -> str:
        """Running, finished, stopped or damaged."""
        return self.head.record.state if self.head.record else "damaged"

    @property
    def created(self) -> float:
        """When it was begun."""
        return self.head.record.created if self.head.record else 0.0

    @property
    def trials(self) -> int:
        """Finished ones."""
        return self.head.trials.get("finished", 0)

    @property
    def href(self) -> str:
        """Its page."""
        return study_address(self.shelved.key, self.head.id)


def study_address(store: str, study: str, *more: str) -> str:
    """The address of a page of a study."""
    return address("/".join(("", "studies", store, study, *more)))


def lines_of(shelf: Shelf) -> tuple[list[Line], list[str]]:
    """Every study of every store, and what is wrong with the stores that cannot be read."""
    lines, problems, now = list[Line](), list[str](), time.time()
    for shelved in shelf.stores():
        try:
            with shelved.read() as store:
                lines += [Line(shelved, head) for head in store.overview.heads(now=now)]
        except DarseError as error:
            problems.append(f"{shelved.title}: {printable(str(error), 500)}")
    damaged = [
        f"Study {one.head.id} of {one.shelved.title} is damaged: {one.head.damage}" for one in lines if one.head.damage
    ]
    return lines, problems + damaged


def studies_section(shelf: Shelf, query: Query) -> tuple[ListingSection, Form]:
    """The list, and the form that filters it."""
    lines, problems = lines_of(shelf)
    state, text = query.choice("state", STATES, ""), query.text("q")
    wanted = [one for one in lines if (not state or one.state == state) and _matches(one, text)]
    order = Order.of(query, tuple(_SORTS), "begun", is_descending=True)
    wanted.sort(key=_SORTS[order.name], reverse=order.is_descending)  # type: ignore[arg-type]  # of one kind each
    page, _ = page_of(query, len(wanted))
    listing = _listing(wanted[(page - 1) * PAGE : page * PAGE], len(wanted), order, query)
    parts: list[Listing | Part] = [*([Notes(tuple(problems), is_caution=True)] if problems else []), listing]
    lead = f"{count(len(wanted))} of {count(len(lines))} studies; a name leads to all that is known of one."
    form = Form(
        title="Which studies",
        action=query.path,
        fields=(
            Field("q", "Name or id", text),
            Field("state", "State", state, (("", "any"), *((one, one) for one in STATES))),
        ),
        kept=tuple((name, query.text(name)) for name in ("sort", "way") if query.text(name)),
    )
    return ListingSection("studies", "Studies", lead, tuple(parts)), form


def _matches(line: Line, text: str) -> bool:
    wanted = text.strip().casefold()
    return not wanted or wanted in line.name.casefold() or line.head.id.startswith(wanted)


def _listing(lines: Sequence[Line], total: int, order: Order, query: Query) -> Listing:
    columns = (
        order.column("name", "name", query),
        order.column("state", "state", query),
        Column("verdict"),
        order.column("trials", "trials", query, is_number=True),
        Column("failed", is_number=True),
        order.column("begun (UTC)", "begun", query),
        Column("store"),
    )
    rows = [
        (
            Cell(printable(one.name, 120), one.href, one.head.id),
            Cell(one.state),
            Cell(VERDICT_WORDS.get(one.head.verdict, ABSENT) if one.state == "finished" else ABSENT),
            Cell(count(one.trials)),
            Cell(count(one.head.trials.get("failed", 0))),
            Cell(moment_words(one.created) if one.created else ABSENT),
            Cell(one.shelved.title),
        )
        for one in lines
    ]
    return listed("Studies", columns, rows, query, total=total, empty="No study is so.")
