"""A folder, or a store, and what people call a study to its record, and to its result once it is finished."""

from __future__ import annotations

import json
from pathlib import Path

from darse.errors import InputError
from darse.names import printable
from darse.search.result import Result
from darse.store.folder import SHRINK_FILE, VERDICT_FILE, refuse_empty
from darse.store.open import open_study_store
from darse.store.protocol import Store, StudyRecord
from darse.store.sql import SqlStore
from darse.study import read_result

_SHOWN = 5
_DIGESTS = frozenset({"artifact", "logits"})
"""What a finding calls the digest of the bytes that it stands for."""


def open_archive(folder: Path, address: str | None) -> SqlStore:
    """The store of a folder that `darse explore` wrote, or the one at an address; it is not made if it is missing.

    Raises:
        InputError: There is no store.
        StoreError: It cannot be opened.
    """
    refuse_empty(folder, address)
    path = (address or "").removeprefix("sqlite:///")
    if address is not None and "://" not in path and not Path(path).exists():
        raise InputError(f"there is no store {printable(path, 200)}; check --store")
    return open_study_store(folder, address)


def find_study(store: Store, name: str) -> StudyRecord:
    """The one study of an id, of the beginning of an id, or of a name.

    Raises:
        InputError: There is none, or there are several.
    """
    records = store.studies()
    found = [one for one in records if one.id == name]
    found = found or [one for one in records if one.id.startswith(name) or one.name == name]
    if not found:
        raise InputError(f"there is no study {printable(name)!r} in the store; `darse studies` lists them")
    if len(found) > 1:
        ids = ", ".join(one.id for one in found[:_SHOWN]) + (", ..." if len(found) > _SHOWN else "")
        raise InputError(f"{printable(name)!r} could be {ids}; give an id, or more of it")
    return found[0]


def find_result(store: Store, folder: Path, name: str | None) -> Result:
    """The result of the named study, else of the one whose verdict lies in the folder, else of the one begun last.

    Raises:
        InputError: There is no such study, or it is not finished.
    """
    wanted = name if name is not None else _study_of(folder)
    if wanted is None:
        result = read_result(store)
        if result is None and (folder / SHRINK_FILE).is_file():
            raise InputError(f"{folder} is of a shrunk adapter and has no study; what came of it is in {SHRINK_FILE}")
        if result is None:
            raise InputError(f"{folder} has no finished study; `darse studies` lists those there are")
        return result
    record = find_study(store, wanted)
    result = read_result(store, record.id)
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
    digests = {str(finding[key]) for finding in store.findings(study).values() for key in _DIGESTS & finding.keys()}
    for trial in store.trials(study):
        digests |= {trial.outcome.losses, *trial.outcome.artifacts.values()}
    for digest in sorted(digests):
        store.artifact(digest)


def _study_of(folder: Path) -> str | None:
    """The study whose verdict lies in a folder; a store that several folders share holds others as well."""
    try:
        return str(json.loads((folder / VERDICT_FILE).read_bytes())["study"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
