"""Rows that somebody wrote with a digest that fits: read as values, or refused as damage, and nothing else."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest
from sqlalchemy import Table

from darse.cli.main import run
from darse.errors import StoreError
from darse.files import canonical_json
from darse.store.open import open_store
from darse.store.schema import EVENTS, FINDINGS, LEDGER, STUDIES, TRIALS
from darse.store.seal import sealed

from ..conftest import SmallStudy
from ..store.samples import OTHER_STUDY, STUDY, fill

Forge = Callable[[object], object]


def every(kind: type, value: object) -> Forge:
    """Replaces every value of a kind inside a body."""

    def forge(body: object) -> object:
        if isinstance(body, dict):
            return {name: forge(one) for name, one in body.items()}
        if isinstance(body, list):
            return [forge(one) for one in body]
        return value if isinstance(body, kind) and not isinstance(body, bool) else body

    return forge


FORGERIES: dict[str, Forge] = {
    "huge integers": every(int, 10**300),
    "counts that fill the memory": every(int, 2**31),
    "integers below zero": every(int, -1),
    "times after the year 9999": every(float, 1e308),
    "nothing": every(object, None),
    "texts for numbers": every((int, float), "x"),  # type: ignore[arg-type]
    "numbers for texts": every(str, 5),
    "terminal escapes": every(str, "\x1b]0;pwn\x07\x1b[31m"),
    "a list": lambda body: [],
    "a text": lambda body: "x",
    "a deep list": lambda body: json.loads("[" * 400 + "]" * 400),
    "one name more": lambda body: {**body, "more": 1} if isinstance(body, dict) else body,
    "no name": lambda body: {},
}


@pytest.mark.parametrize("table", [STUDIES, TRIALS, EVENTS, FINDINGS, LEDGER], ids=lambda table: table.name)
@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_row_is_read_or_refused_as_damage(table: Table, name: str, tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    with open_store(str(path)) as store:
        fill(store)
        store.put_finding(STUDY, "coarse", {"low": 1, "high": 4, "curve": {"1": 0.5}})
    forge_rows(path, table, FORGERIES[name])
    with suppress(StoreError), open_store(str(path)) as store:
        for study in (STUDY, OTHER_STUDY):
            for read in (store.trials, store.failures, store.events, store.findings):
                with suppress(StoreError):
                    read(study)
        assert all(record.state in {"running", "finished", "stopped"} for record in store.studies())


def forge_rows(path: Path, table: Table, forge: Forge) -> None:
    """Change the bodies of a table's rows, and seal them again."""
    with closing(sqlite3.connect(path)) as database, database:
        database.row_factory = sqlite3.Row
        for row in database.execute(f"SELECT rowid AS number, * FROM {table.name}").fetchall():
            values = {name: row[name] for name in row.keys() if name not in {"number", "digest"}}  # noqa: SIM118 - rows
            values["body"] = canonical_json(forge(json.loads(values["body"])))
            forged = sealed(table, values)
            names = ", ".join(f"{name} = ?" for name in forged)
            database.execute(f"UPDATE {table.name} SET {names} WHERE rowid = ?", [*forged.values(), row["number"]])


def test_what_a_forged_event_says_cannot_drive_the_terminal(
    small_study: SmallStudy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(small_study.folder, tmp_path / "forged")
    forge_rows(tmp_path / "forged" / "study.db", EVENTS, FORGERIES["terminal escapes"])
    run(["studies", str(tmp_path / "forged"), "--study", small_study.folder.name])
    assert "\x1b" not in capsys.readouterr().out
