"""What lies in the folder of a study, and which folders are such; an error at once where there is none."""

from __future__ import annotations

from pathlib import Path

from darse.errors import InputError

STORE_FILE = "study.db"
DATA_CHECK_FILE = "data-check.json"
"""What was found in the data; written before anything is trained."""
VERDICT_FILE = "verdict.json"
"""Of a study; written last, so that it says whose folder this is."""
SHRINK_FILE = "shrink.json"
"""The same where an adapter was shrunk."""


def refuse_empty(folder: Path, address: str | None) -> None:
    """Refuse a folder without a store, unless an address says that the store is elsewhere.

    Raises:
        InputError: There is none.
    """
    if address is None and not (folder / STORE_FILE).exists():
        raise InputError(f"{folder} has no {STORE_FILE}; give the folder that explore wrote")


def study_folders(folder: Path) -> list[Path]:
    """The folder if it has a store, else those folders in it that have one, by name.

    Raises:
        InputError: There is none.
    """
    if folder.is_dir() and not (folder / STORE_FILE).exists():
        found = sorted(one for one in folder.iterdir() if (one / STORE_FILE).is_file())
        if found:
            return found
    refuse_empty(folder, None)
    return [folder]
