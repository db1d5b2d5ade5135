"""What was evaluated, named and gated to sealed rows, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import RowMapping, Table, insert, select
from sqlalchemy.exc import IntegrityError

from darse.names import printable
from darse.store.artifacts import checked_digest
from darse.store.connect import Database
from darse.store.schema import BASELINES, CELLS, GATES
from darse.store.seal import DamagedError, canonical, checked_key, sealed, unsealed

Body = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class CellRow:
    """What one entry (an adapter or a reference point) answers on one file, as the store has it.

    Attributes:
        id: SHA-256 over all that determines it.
        time: When it was finished, seconds since 1970 (UTC).
        entry: SHA-256 that names the entry.
        data: SHA-256 over the rows.
        body: The rest, as JSON; `artifact` in it is the digest of the answers.
    """

    id: str
    time: float
    entry: str
    data: str
    body: Body


@dataclass(frozen=True, slots=True)
class BaselineRow:
    """A name that was given to a result.

    Attributes:
        time: When, seconds since 1970 (UTC).
        name: The name.
        body: What it was given to.
    """

    time: float
    name: str
    body: Body


@dataclass(frozen=True, slots=True)
class GateRow:
    """How a gate ended.

    Attributes:
        time: When, seconds since 1970 (UTC).
        baseline: Name of what the candidate was held against.
        outcome: `passed`, `failed` or `undecided`.
        body: Every check.
    """

    time: float
    baseline: str
    outcome: str
    body: Body


class Evaluations:
    """Cells, baselines and gates; rows are added and never changed.

    Every method is one transaction, and raises as those of `Store`.

    Args:
        database: Where the rows are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep_cell(self, row: CellRow) -> None:
        """Keep a finished cell; one that is there under the same id stays."""
        values = {
            "id": checked_digest(row.id),
            "time": row.time + 0.0,
            "entry": checked_digest(row.entry),
            "data": checked_digest(row.data),
            "body": canonical(dict(row.body), "a cell"),
        }
        with self._database.write() as connection:
            try:
                with connection.begin_nested():
                    connection.execute(insert(CELLS).values(sealed(CELLS, values)))
            except IntegrityError:  # somebody else has finished it a moment ago
                return

    def cell(self, identity: str) -> CellRow | None:
        """The cell of an id; None if it is not finished."""
        with self._database.read() as connection:
            query = select(CELLS).where(CELLS.c.id == checked_digest(identity))
            row = connection.execute(query).mappings().one_or_none()
            return None if row is None else _read_cell(row)

    def cells(self, data: str | None = None) -> list[CellRow]:
        """All finished cells, or those of some rows, oldest first.

        Args:
            data: SHA-256 over the rows, or None.
        """
        query = select(CELLS).order_by(CELLS.c.time, CELLS.c.id)
        if data is not None:
            query = query.where(CELLS.c.data == data)
        with self._database.read() as connection:
            return [_read_cell(row) for row in connection.execute(query).mappings()]

    def set_baseline(self, row: BaselineRow) -> None:
        """Give a name to a result; what had it before stays in the history."""
        values = {
            "time": row.time + 0.0,
            "name": checked_key(row.name, "baseline"),
            "body": canonical(dict(row.body), "a baseline"),
        }
        with self._database.write() as connection:
            connection.execute(insert(BASELINES).values(sealed(BASELINES, values)))

    def baseline(self, name: str) -> BaselineRow | None:
        """What has a name now; None if nothing ever had it."""
        found = self.baselines(checked_key(name, "baseline"))
        return found[-1] if found else None

    def baselines(self, name: str | None = None) -> list[BaselineRow]:
        """Every time that a name was given, or one name, in that order."""
        query = select(BASELINES).order_by(BASELINES.c.number)
        if name is not None:
            query = query.where(BASELINES.c.name == name)
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
            return [BaselineRow(**_columns(BASELINES, row, f"baseline {printable(str(row['name']))}")) for row in rows]  # type: ignore[arg-type]  # the columns are the fields

    def add_gate(self, row: GateRow) -> None:
        """Keep how a gate ended."""
        values = {
            "time": row.time + 0.0,
            "baseline": checked_key(row.baseline, "baseline"),
            "outcome": row.outcome,
            "body": canonical(dict(row.body), "a gate"),
        }
        with self._database.write() as connection:
            connection.execute(insert(GATES).values(sealed(GATES, values)))

    def gates(self) -> Sequence[GateRow]:
        """How every gate ended, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(select(GATES).order_by(GATES.c.number)).mappings().all()
            return [GateRow(**_columns(GATES, row, f"gate {row['number']}")) for row in rows]  # type: ignore[arg-type]  # the columns are the fields


def _read_cell(row: RowMapping) -> CellRow:
    return CellRow(**_columns(CELLS, row, f"cell {printable(str(row['id']), 12)}"))  # type: ignore[arg-type]  # the columns are the fields


def _columns(table: Table, row: RowMapping, what: str) -> dict[str, object]:
    """The columns of a row, its body read."""
    values = unsealed(table, row, what)
    try:
        body: object = json.loads(str(values["body"]))
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"{what} is damaged") from error
    if not isinstance(body, dict):
        raise DamagedError(f"{what} is damaged")
    return values | {"body": body}
