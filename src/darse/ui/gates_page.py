"""The stores of a shelf to the names that adapters have, the history of the names, and how gates ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from darse.errors import DarseError
from darse.names import printable
from darse.report.parts import ABSENT, Notes, Part, Section, Table
from darse.store.evaluations import BaselineRow, GateRow
from darse.ui.moments import moment_words
from darse.ui.shelf import Shelf

_MOST = 200
"""Rows of a table, the newest ones."""


def gate_sections(shelf: Shelf) -> tuple[Section, ...]:
    """Every name and gate of every store."""
    names, gates, problems = list[tuple[str, BaselineRow]](), list[tuple[str, GateRow]](), list[str]()
    for shelved in shelf.stores():
        try:
            with shelved.read() as store:
                names += [(shelved.title, one) for one in store.evaluations.baselines()]
                gates += [(shelved.title, one) for one in store.evaluations.gates()]
        except DarseError as error:
            problems.append(f"{shelved.title}: {printable(str(error), 300)}")
    found = [_baselines(names), _history(names), _gates(gates)]
    if problems:
        notes = Notes(tuple(problems), is_caution=True)
        found.insert(0, Section("problems", "Not shown", "These stores could not be read.", (notes,)))
    return tuple(found)


def _baselines(rows: Sequence[tuple[str, BaselineRow]]) -> Section:
    title = "Baselines"
    if not rows:
        return Section(
            "baselines", title, "No adapter has a name yet; `darse baseline set NAME ADAPTER` gives one.", ()
        )
    current = {(store, row.name): row for store, row in rows}
    table = _names_table("What each name means now", [(store, row) for (store, _), row in sorted(current.items())])
    return Section("baselines", title, "The adapter that has each name now.", (table,))


def _history(rows: Sequence[tuple[str, BaselineRow]]) -> Section:
    newest = sorted(rows, key=lambda one: -one[1].time)[:_MOST]
    parts: tuple[Part, ...] = (_names_table("Every time that a name was given", newest),) if rows else ()
    return Section("names", "History of the names", "Who had which name before, newest first.", parts)


def _names_table(caption: str, rows: Sequence[tuple[str, BaselineRow]]) -> Table:
    told = []
    for store, row in rows:
        facts = row.body.get("facts")
        known: Mapping[str, object] = facts if isinstance(facts, dict) else {}
        told.append(
            (
                printable(row.name, 80), _words(known.get("name")), _words(known.get("adapter"), 12),
                _words(known.get("study"), 16), moment_words(row.time), _words(row.body.get("note"), 200), store,
            )
        )  # fmt: skip
    columns = ("name", "adapter", "digest", "study", "since (UTC)", "note", "store")
    return Table(caption, columns, tuple(told), True)


def _gates(rows: Sequence[tuple[str, GateRow]]) -> Section:
    title = "Gates"
    if not rows:
        return Section("gates", title, "No gate was held yet; `darse gate` holds one.", ())
    newest = sorted(rows, key=lambda one: -one[1].time)[:_MOST]
    gates = tuple(
        (
            moment_words(row.time), row.outcome, printable(row.baseline, 80), _words(row.body.get("candidate")),
            _words(row.body.get("data")), _failed(row), store,
        )
        for store, row in newest
    )  # fmt: skip
    columns = ("when (UTC)", "outcome", "baseline", "candidate", "data", "what did not pass", "store")
    checks = tuple(
        (_words(one.get("name")), _words(one.get("outcome"), 20), _words(one.get("sentence"), 400))
        for one in _checks(newest[0][1])
    )
    last = Table("Every check of the last gate", ("check", "outcome", "what was found"), checks)
    lead = "Whether a candidate might take the place of a baseline, newest first."
    return Section("gates", title, lead, (Table("Gates", columns, gates, True), last))


def _failed(row: GateRow) -> str:
    """The checks that a gate did not pass."""
    names = [_words(one.get("name")) for one in _checks(row) if one.get("outcome") != "passed"]
    return ", ".join(names) or ABSENT


def _checks(row: GateRow) -> list[Mapping[str, object]]:
    checks = row.body.get("checks")
    return [one for one in checks if isinstance(one, dict)] if isinstance(checks, list) else []


def _words(value: object, limit: int = 80) -> str:
    return ABSENT if value is None or value == "" else printable(str(value), limit)
