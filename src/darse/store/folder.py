"""A study's folder to the file of its store, or an error at once where there is none."""

from __future__ import annotations

from pathlib import Path

from darse.errors import InputError

STORE_FILE = "study.db"


def refuse_empty(folder: Path, address: str | None) -> None:
    """Refuse a folder without a store, unless an address says that the store is elsewhere.

    Raises:
        InputError: There is none.
    """
    if address is None and not (folder / STORE_FILE).exists():
        raise InputError(f"{folder} has no {STORE_FILE}; give the folder that explore wrote")
