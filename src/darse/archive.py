"""A folder, or a store, and what people call a study to its record, and to its result once it is finished."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from darse.errors import InputError
from darse.names import printable
from darse.search.kept_result import last_result, read_result
from darse.search.result import Result
from darse.store.attachments import all_attached
from darse.store.folder import SHRINK_FILE, VERDICT_FILE, refuse_empty
from darse.store.open import open_study_store
from darse.store.protocol import Store, StudyRecord
from darse.store.sql import SqlStore
from darse.store.trial import TRAINER

_SHOWN = 5


def open_archive(folder: Path, address: str | None) -> SqlStore:
    """The store of a folder that `darse explore` wrote, or the one at an address; it is not made if it is missing.

    Raises:
        InputError: There is no store.
        StoreError: It cannot be opened.
    """
    refuse_empty(folder, address)
    return open_study_store(folder, address, must_exist=True)


def find_studies(store: Store, name: str) -> list[StudyRecord]:
    """The study of an id, else those whose id begins so or whose name it is, oldest first."""
    records = store.studies()
    found = [one for one in records if one.id == name]
    return found or [one for one in records if one.id.startswith(name) or one.name == name]


def find_study(store: Store, name: str) -> StudyRecord:
    """The one study of an id, of the beginning of an id, or of a name.

    Raises:
        InputError: There is none, or there are several.
    """
    found = find_studies(store, name)
    if not found:
        raise InputError(f"there is no study {printable(name)!r} in the store; `darse studies` lists them")
    if len(found) > 1:
        raise InputError(f"{printable(name)!r} could be {_ids(found)}; give an id, or more of it")
    return found[0]


def choose_study(store: Store, folder: Path, name: str | None, *, address: str | None = None) -> StudyRecord:
    """The named study, else the one whose verdict lies in the folder, else the one begun last, finished or not.

    In a store at an address, which holds the studies of other folders too, it is the one of the folder's name.

    Raises:
        InputError: There is no such study, or nothing says which one is meant.
    """
    wanted = name if name is not None else _study_of(folder)
    if wanted is not None:
        return find_study(store, wanted)
    if address is not None:
        return _named_as(store, folder)
    records = store.studies()
    if not records:
        raise InputError(f"{folder} has a store without any study")
    return records[-1]


def find_result(store: Store, folder: Path, name: str | None, *, address: str | None = None) -> Result:
    """The result of the named study, else of the one whose verdict lies in the folder.

    Of a folder without a verdict it is the study begun last of those that have a result, if the store is the folder's
    own; in a store at an address, which holds the studies of other folders too, it is the one of the folder's name.

    Raises:
        InputError: There is no such study, it is not finished, or nothing says which one is meant.
    """
    wanted = name if name is not None else _study_of(folder)
    if wanted is None and address is None:
        return _last_result(store, folder)
    record = _named_as(store, folder) if wanted is None else find_study(store, wanted)
    result = read_result(store, record.id)
    if record.settings.get("evaluator") == TRAINER:
        raise InputError(f"study {record.id} is a run of a Trainer, which has no verdict; `darse layers` shows it")
    if result is None and record.state == "finished":
        raise InputError(f"study {record.id} shrank an adapter; what came of it is in {SHRINK_FILE} of its folder")
    if result is None:
        raise InputError(f"study {record.id} is {record.state} and not finished; its command again continues it")
    return result


def check_artifacts(store: Store, study: str) -> None:
    """Read all bytes that a study refers to: losses and weights of its trials, logits on test and the result.

    Raises:
        CorruptStoreError: Some are missing or changed.
    """
    digests = set(all_attached(store, study))
    for trial in store.trials(study):
        digests |= {trial.outcome.losses, *trial.outcome.artifacts.values()}
    for digest in sorted(digests):
        store.artifact(digest)


def _last_result(store: Store, folder: Path) -> Result:
    result = last_result(store)
    if result is None and (folder / SHRINK_FILE).is_file():
        raise InputError(f"{folder} is of a shrunk adapter and has no study; what came of it is in {SHRINK_FILE}")
    if result is None:
        raise InputError(f"{folder} has no finished study; `darse studies` lists those there are")
    return result


def _named_as(store: Store, folder: Path) -> StudyRecord:
    """The one study that has the name of a folder, as `darse explore` gives it."""
    names = {folder.name, Path(os.path.abspath(folder)).name}  # noqa: PTH100 - a link keeps its name, and `..` goes
    found = [one for one in store.studies() if one.name in names]
    if len(found) != 1:
        said = f"and {_ids(found)} are called so" if found else "and no study in the store is called so"
        raise InputError(f"{folder} has no {VERDICT_FILE}, {said}; say which is meant with --study")
    return found[0]


def _ids(records: Sequence[StudyRecord]) -> str:
    return ", ".join(one.id for one in records[:_SHOWN]) + (", ..." if len(records) > _SHOWN else "")


def _study_of(folder: Path) -> str | None:
    """The study whose verdict lies in a folder; a store that several folders share holds others as well."""
    try:
        return str(json.loads((folder / VERDICT_FILE).read_bytes())["study"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
