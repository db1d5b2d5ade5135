"""A folder to the work that was begun in it, finished or not: a study, or the shrinking of an adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from darse.errors import InputError
from darse.files import refuse_foreign_folder
from darse.model.manifest import MANIFEST
from darse.store.folder import DATA_CHECK_FILE, SHRINK_FILE, STORE_FILE, VERDICT_FILE
from darse.store.open import open_store
from darse.store.protocol import StudyRecord

Work = Literal["study", "shrink"]

SHRINKING = "shrink"
"""First word of the evaluator of a study that shrinks an adapter; other evaluators are `darse`, or a dotted name."""
_SAID: dict[Work, str] = {"study": "a study", "shrink": "a shrunk adapter, or the work on one"}


def refuse_folder_of_other(folder: Path, work: Work) -> None:
    """Refuse a folder whose files are those of other work; asked before anything is written.

    Args:
        folder: Where the work goes.
        work: What it is.

    Raises:
        InputError: The folder is of the other kind, or the place of its adapter is taken by something else.
        StoreError: Its store cannot be read.
    """
    refuse_foreign_folder(folder / "adapter", marker=MANIFEST)
    for other in sorted(_begun(folder) - {work}):
        raise InputError(f"{folder} holds {_SAID[other]}, whose files would be replaced; choose another --out")


def _begun(folder: Path) -> set[Work]:
    """What was finished in a folder, else what its store says was begun."""
    ends: dict[Work, str] = {"study": VERDICT_FILE, "shrink": SHRINK_FILE}
    found = {work for work, name in ends.items() if (folder / name).exists()}
    if found:
        return found
    if (folder / STORE_FILE).exists():
        with open_store(folder / STORE_FILE) as store:
            return set(map(_work_of, store.studies()))
    # the shrinking of an adapter has its store in its folder; a study may have it elsewhere
    return {"study"} if (folder / DATA_CHECK_FILE).exists() else set()


def _work_of(record: StudyRecord) -> Work:
    return "shrink" if str(record.settings.get("evaluator")).split(" ")[0] == SHRINKING else "study"
