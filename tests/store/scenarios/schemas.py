"""R12: every released schema opens with all it held, a newer one is refused."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from darse.errors import StoreError
from darse.store.open import open_store

from ..freeze import FOLDER
from ..future import future_migrations
from ..samples import contents
from .forks import Result


def open_every_schema(folder: Path) -> Result:
    """Open a store of each released schema, and one of a later release; R12."""
    problems: list[str] = []
    scripts = sorted(FOLDER.glob("*.sql"))
    for script in scripts:
        path = folder / f"{script.stem}.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(script.read_text())
        with open_store(path) as store:
            said = json.loads(json.dumps(contents(store)))
        if said != json.loads(script.with_suffix(".json").read_text()):
            problems.append(f"schema {script.stem} says something else than it held")
        open_store(path, migrations=future_migrations(folder / "future")).close()
        try:
            open_store(path).close()
            problems.append(f"schema {script.stem}, upgraded by a later release, was not refused")
        except StoreError as error:
            if "newer" not in str(error):
                problems.append(f"a newer schema has an unclear message: {error}")
    figure = f"{len(scripts)} released schemas opened and upgraded, newer refused, {len(problems)} problems"
    return Result("R12", "every released schema; one newer", figure, "upgrades; newer is refused", problems)
