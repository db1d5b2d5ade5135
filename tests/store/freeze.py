"""The current schema with a filled store, to files that later releases must still open.

Run once for each release that changes the schema: `python -m tests.store.freeze`.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from darse.store.migrate import RELEASED
from darse.store.open import open_store

from .samples import contents, fill

FOLDER = Path(__file__).parent / "released"


def main() -> None:
    """Write `released/<revision>.sql`, the store, and `released/<revision>.json`, what it says."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        with open_store(path) as store:
            fill(store)
            said = contents(store)
        with closing(sqlite3.connect(path)) as connection:
            script = "\n".join(connection.iterdump()) + "\n"
    (FOLDER / f"{RELEASED.head}.sql").write_text(script)
    (FOLDER / f"{RELEASED.head}.json").write_text(json.dumps(said, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
