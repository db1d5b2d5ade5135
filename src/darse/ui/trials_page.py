"""The trials of a study to a list that the database sorts and cuts, to one trial, and to a table of all."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

from darse.data.carry import Value
from darse.names import printable
from darse.report.facts import kind_of
from darse.report.figures import axis, figure, finite
from darse.report.parts import ABSENT, Chart, Notes, Pairs, Section, Table
from darse.report.words import SEARCH_LOSS, count, metric_value, metric_words, number, plan_words
from darse.settings import Settings
from darse.store.overview import SORTS, STATES, Listed, State
from darse.store.records import TrialRow
from darse.store.sql import SqlStore
from darse.ui import listing
from darse.ui.data_out import csv_text
from darse.ui.form import Field, Form
from darse.ui.listing import MAX_PAGE, PAGE, Cell, Column, Order
from darse.ui.moments import moment_words, span_words
from darse.ui.query import Query
from darse.ui.shelf import Shelved
from darse.ui.studies_page import study_address

_WHOLE = 500
"""Rows that are read at once where all are given out."""
_COLUMNS = ("no", "trial", "state", "kind", "score", "seconds", "seed", "learning_rate", "epochs", "plan", "reason")


def trials_section(
    shelved: Shelved, study: str, settings: Settings | None, query: Query
) -> tuple[listing.ListingSection, Form]:
    """A page of the trials, and the form that filters them."""
    state = _state(query)
    order = Order.of(query, ("", *SORTS))
    page = query.number("page", 1, low=1, high=MAX_PAGE)
    with shelved.read() as store:
        found, total = _page(store, study, state, order, page)
        shown = listing.page_of(query, total)[0]
        if shown != page:
            found, total = _page(store, study, state, order, shown)
    columns = (
        order.column("no.", "", query, is_number=True),
        Column("ranks"),
        Column("kind"),
        Column("state"),
        order.column(SEARCH_LOSS, "score", query, is_number=True),
        order.column("seed", "seed", query, is_number=True),
        order.column("learning rate", "rate", query, is_number=True),
        order.column("epochs", "epochs", query, is_number=True),
        order.column("seconds", "seconds", query, is_number=True),
    )
    rows = [_cells(one, shelved, study, settings) for one in found]
    links = [(kind.upper(), study_address(shelved.key, study, f"trials.{kind}")) for kind in ("csv", "json")]
    table = listing.listed("Trials", columns, rows, query, total=total, empty="No trial is in that state.", links=links)
    lead = (
        f"{count(total)} trials, {PAGE} on a page, sorted by the database. Ranks are in the order of the sites; the "
        f"{SEARCH_LOSS} is what the search makes small."
    )
    form = Form(
        title="Which trials",
        action=query.path,
        fields=(Field("state", "State", state or "", (("", "any"), *((one, one) for one in STATES))),),
        kept=tuple((name, query.text(name)) for name in ("sort", "way") if query.text(name)),
    )
    return listing.ListingSection("trials", "Trials", lead, (table,)), form


def _page(store: SqlStore, study: str, state: State | None, order: Order, page: int) -> tuple[list[Listed], int]:
    return store.overview.page(
        study,
        sort=order.name,
        is_descending=order.is_descending,
        state=state,
        now=time.time(),
        start=(page - 1) * PAGE,
        amount=PAGE,
    )


def _state(query: Query) -> State | None:
    text = query.text("state")
    return next((one for one in STATES if one == text), None)


def _cells(one: Listed, shelved: Shelved, study: str, settings: Settings | None) -> tuple[Cell, ...]:
    row = one.row
    if row is None:
        return (Cell(str(one.place + 1)), Cell("damaged", note=printable(one.damage, 200)), *(Cell(ABSENT),) * 7)
    spec, outcome = row.spec, row.outcome
    return (
        Cell(str(one.place + 1)),
        Cell(plan_words(spec.plan), study_address(shelved.key, study, "trials", row.id)),
        Cell(_kind(row, settings)),
        Cell(_state_words(row)),
        Cell(ABSENT if outcome is None else f"{outcome.score:#.5g}"),
        Cell(str(spec.seed)),
        Cell(number(spec.learning_rate) if spec.learning_rate else ABSENT),
        Cell(str(spec.epochs) if spec.epochs else ABSENT),
        Cell(ABSENT if outcome is None else f"{outcome.seconds:.2f}"),
    )


def _kind(row: TrialRow, settings: Settings | None) -> str:
    return kind_of(row.spec, row.spec.epochs if settings is None else settings.train.epochs)


def _state_words(row: TrialRow) -> str:
    if row.state != "queued":
        return row.state
    return "running" if row.expires is not None and row.expires > time.time() else "waiting"


def trial_sections(one: Listed, settings: Settings | None, sites: tuple[str, ...]) -> tuple[Section, ...]:
    """One trial: what it is, what came out, its ranks by site and how it learned."""
    row = one.row
    if row is None:
        return (Section("trial", "Trial", "This trial cannot be shown.", (Notes((one.damage,), is_caution=True),)),)
    lead = "All that determines this trial, and what came out."
    sections = [Section("trial", "What it is", lead, (_facts(one, row, settings),))]
    if row.outcome is not None and row.outcome.metrics:
        rows = tuple(
            (printable(metric_words(name)), metric_value(value, name)) for name, value in row.outcome.metrics.items()
        )
        table = Table("Metrics on validation", ("metric", "value"), rows)
        sections.append(Section("metrics", "Metrics", "On rows that it has not learned from.", (table,)))
    sections.append(Section("plan", "Ranks", "The rank of each site, from input to output.", (_ranks(row, sites),)))
    if row.outcome is not None and row.outcome.curve:
        lead = "The loss after each epoch, on rows that are learned from and on rows that are not."
        sections.append(Section("curve", "How it learned", lead, (_curve(row),)))
    return tuple(sections)


def _facts(one: Listed, row: TrialRow, settings: Settings | None) -> Pairs:
    spec, outcome = row.spec, row.outcome
    facts = [
        ("trial", row.id),
        ("number", str(one.place + 1)),
        ("kind", _kind(row, settings)),
        ("state", _state_words(row)),
        ("ranks", plan_words(spec.plan)),
        ("seed", str(spec.seed)),
        ("learning rate", number(spec.learning_rate) if spec.learning_rate else "nothing is trained"),
        ("epochs at the most", str(spec.epochs) if spec.epochs else ABSENT),
        ("cut from", ", ".join(spec.parents) or ABSENT),
        ("worker", printable(row.worker, 120) or ABSENT),
        ("ended (UTC)", ABSENT if row.ended is None else moment_words(row.ended)),
        ("took", span_words(row.seconds or None) if outcome is None else span_words(outcome.seconds)),
    ]
    if outcome is not None:
        facts.insert(4, (SEARCH_LOSS, f"{outcome.score:#.6g}"))
    if row.reason:
        facts.insert(4, ("reason", printable(row.reason, 1000)))
    return Pairs(tuple(facts))


def _ranks(row: TrialRow, sites: tuple[str, ...]) -> Chart:
    ranks = list(row.spec.plan)
    names = sites if len(sites) == len(ranks) else tuple(f"site {place}" for place in range(len(ranks)))
    bars = {
        "type": "bar",
        "x": list(range(len(ranks))),
        "y": ranks,
        "marker": {"color": "@accent"},
        "hovertemplate": "place %{x}: rank %{y}<extra></extra>",
        "showlegend": False,
    }
    return Chart(
        "plan",
        "A bar for each site; 0 leaves the site as the base model has it.",
        f"Rank of {len(ranks)} sites",
        figure(
            [bars],
            xaxis=axis("site, from input to output (0 is nearest the input)", zeroline=False, tickformat="d"),
            yaxis=axis("rank", rangemode="tozero", tickformat="d"),
            showlegend=False,
        ),
        Table("Rank by site", ("site", "rank"), tuple(zip(names, map(str, ranks), strict=True))),
        height=260,
    )


def _curve(row: TrialRow) -> Chart:
    assert row.outcome is not None
    points = row.outcome.curve
    epochs = [point.epoch for point in points]
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": name,
            "x": epochs,
            "y": finite(values),
            "line": {"color": colour, "width": 1.8},
            "marker": {"size": 6, "color": colour},
        }
        for name, colour, values in (
            ("training", "@uniform", [point.train_loss for point in points]),
            ("validation", "@accent", [point.score for point in points]),
        )
    ]
    return Chart(
        "curve",
        "Where the validation loss rises again the run is over-fitting, and it is stopped.",
        f"Training and validation loss over {len(points)} epochs",
        figure(traces, xaxis=axis("epoch", dtick=1, tickformat="d"), yaxis=axis("loss", nticks=6)),
        Table(
            "Loss by epoch",
            ("epoch", "training", "validation"),
            tuple((str(one.epoch), number(one.train_loss), number(one.score)) for one in points),
        ),
        height=300,
    )


def all_trials(shelved: Shelved, study: str, settings: Settings | None, kind: str) -> Iterator[str]:
    """Every trial as CSV or as JSON, some at a time; one whose row is damaged says so.

    Args:
        shelved: The store.
        study: Id of the study.
        settings: Of the study.
        kind: `csv` or `json`.
    """
    is_first = True
    yield "[\n" if kind == "json" else csv_text([_COLUMNS])
    start = 0
    while True:
        with shelved.read() as store:
            found, _ = store.overview.page(study, now=time.time(), start=start, amount=_WHOLE)
        for one in found:
            values = _values(one, settings)
            if kind == "csv":
                yield csv_text([[values.get(name) for name in _COLUMNS]])
            else:
                yield ("" if is_first else ",\n") + json.dumps(values, allow_nan=False)
            is_first = False
        start += len(found)
        if len(found) < _WHOLE:
            break
    if kind == "json":
        yield "\n]\n"


def _values(one: Listed, settings: Settings | None) -> dict[str, Value]:
    row = one.row
    if row is None:
        return {"no": one.place + 1, "state": "damaged", "reason": one.damage}
    spec, outcome = row.spec, row.outcome
    return {
        "no": one.place + 1,
        "trial": row.id,
        "state": _state_words(row),
        "kind": _kind(row, settings),
        "score": None if outcome is None else outcome.score,
        "seconds": row.seconds if outcome is None else outcome.seconds,
        "seed": spec.seed,
        "learning_rate": spec.learning_rate,
        "epochs": spec.epochs,
        "plan": " ".join(map(str, spec.plan)),
        "reason": row.reason,
        **({} if outcome is None else {f"metric {name}": value for name, value in outcome.metrics.items()}),
    }
