"""`darse studies`: what a store holds, as a list of its studies or as the history of one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from darse.errors import InputError
from darse.names import printable
from darse.store.folder import study_folders

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from darse.store.protocol import Store, StudyRecord

_DIGEST = 8


def run_studies(folder: Path, *, study: str | None, store: str | None, as_json: bool) -> None:
    """List the studies of a folder or of the folders in it, oldest first, or show one with its history."""
    folders = [folder] if store is not None else study_folders(folder)
    from darse.archive import find_study, open_archive

    if study is not None:
        place = _folder_of(study, folders) if len(folders) > 1 else folders[0]
        with open_archive(place, store) as archive:
            _show(archive, find_study(archive, study), as_json=as_json)
        return
    listed: list[dict[str, object]] = []
    for place in folders:
        with open_archive(place, store) as archive:
            records = archive.studies()
            heads = [{**_head(archive, record), "folder": None if store else str(place)} for record in records]
        listed += heads
        if len(folders) > 1 and not as_json:
            print(f"{printable(str(place), 200)}:")
        if not as_json:
            _print_table(records, heads)
    if as_json:
        print(json.dumps(listed))


def _folder_of(study: str, folders: Sequence[Path]) -> Path:
    """The one folder of several whose store has a study of that name, or several."""
    from darse.archive import find_studies, open_archive

    found: list[Path] = []
    for place in folders:
        with open_archive(place, None) as archive:
            if find_studies(archive, study):
                found.append(place)
    if len(found) != 1:
        where = f"is in {' and '.join(map(str, found))}" if found else f"is in none of the {len(folders)} folders"
        raise InputError(f"study {printable(study)!r} {where}; give the folder that is meant")
    return found[0]


def _print_table(records: Sequence[StudyRecord], heads: Sequence[Mapping[str, object]]) -> None:
    print(f"{'id':<18}{'begun (UTC)':<21}{'state':<10}{'trials':>7}  {'verdict':<15}name")
    for one, head, differing in zip(records, heads, _differing(records), strict=True):
        verdict = str(head["verdict"] or "-")
        print(f"{one.id:<18}{_moment(one.created):<21}{one.state:<10}{head['trials']:>7}  {verdict:<15}{_name(one)}")
        if head["plan"]:
            print(f"{'':<18}plan {' '.join(map(str, head['plan']))}")  # type: ignore[call-overload]  # a list
        if differing:
            print(f"{'':<18}{differing}")


def _name(record: StudyRecord) -> str:
    return printable(record.name)


def _differing(records: Sequence[StudyRecord]) -> list[str]:
    """Of each study, the settings that are not the same in all of them."""
    tables = [_settings(record) for record in records]
    names = sorted(set().union(*tables)) if tables else []
    varied = [name for name in names if len({json.dumps(table.get(name)) for table in tables}) > 1]
    return [
        printable(", ".join(f"{name.replace('_', ' ')} {_shown(table.get(name))}" for name in varied), 300)
        for table in tables
    ]


def _settings(record: StudyRecord) -> dict[str, object]:
    """What makes a study by dotted name; digests are cut to what tells them apart."""
    from darse.search.identity import described

    return {
        name: value[:_DIGEST] if name.endswith("_sha256") and isinstance(value, str) else value
        for name, value in described(record).items()
    }


def _shown(value: object) -> str:
    return " ".join(map(_shown, value)) if isinstance(value, list) else "-" if value is None else str(value)


def _show(store: Store, record: StudyRecord, *, as_json: bool) -> None:
    from darse.store.journal import event_words

    trials, failures, events = len(store.trials(record.id)), store.failures(record.id), store.events(record.id)
    if as_json:
        shown = {
            **_head(store, record),
            "failed": [{**one.spec.as_json(), "reason": one.reason} for one in failures],
            "settings": dict(record.settings),
            "events": [{"time": one.time, "kind": one.kind, "detail": dict(one.detail)} for one in events],
        }
        print(json.dumps(shown, indent=2))
        return
    print(f"study    {record.id}  {printable(record.name)}")
    print(f"begun    {_moment(record.created)} UTC")
    print(f"state    {record.state}")
    print(f"trials   {trials} finished, {len(failures)} failed")
    print("history  (UTC)" if events else "history  none is kept")
    for event in events:
        print(f"  {_moment(event.time)}  {printable(event.kind, 20):<10}{event_words(event)}".rstrip())


def _head(store: Store, record: StudyRecord) -> dict[str, object]:
    ended = [event.detail.get("verdict") for event in store.events(record.id) if event.kind == "finished"]
    is_finished = record.state == "finished"
    return {
        "id": record.id,
        "name": record.name,
        "state": record.state,
        "created": record.created,
        "trials": len(store.trials(record.id)),
        "verdict": ended[-1] if ended and is_finished else None,
        "plan": store.findings(record.id).get("verify", {}).get("plan") if is_finished else None,
    }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
