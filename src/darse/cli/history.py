"""`darse history` and `darse changes`: studies over time, and what is not the same in two of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from darse.cli.stop import stopping_cleanly
from darse.cli.tables import print_table
from darse.errors import InputError
from darse.names import printable
from darse.store.folder import STORE_FILE, study_folders

if TYPE_CHECKING:
    from darse.analysis.changes import Change, Changes
    from darse.analysis.history import Step, StudyLine
    from darse.analysis.layers import Layers
    from darse.analysis.studied import Studied

_SHOWN = 100
_COLUMNS = ("name", "begun (UTC)", "state", "runs", "minutes", "verdict", "level", "best so far")
"""What a terminal has room for; the page and --json have more."""
_FILE_WIDTH = 200
"""Columns of what is no terminal: nothing there is cut."""


def run_history(folder: Path, *, store: str | None, out: Path | None, as_json: bool) -> None:
    """Print every study of a folder, of the folders in it or of a store, and write the page if one is asked for."""
    folders = [folder] if store is not None else study_folders(folder)
    with stopping_cleanly("nothing was written"):
        from darse.analysis.history import history_of, steps_of
        from darse.analysis.history_page import render_history
        from darse.files import write_durably

        found = [pair for place in folders for pair in _studies_of(place, store)]
        lines = history_of(study for study, _ in found)
        steps = {study.record.id: steps_of(study) for study, _ in found}
        layers = {study.record.id: own for study, own in found}
        if out is not None:
            write_durably(out, render_history(lines, steps, layers).encode(), follows_link=True)
    if as_json:
        print(json.dumps([_as_json(line, steps[line.id], layers[line.id]) for line in lines]))
        return
    _print(lines)
    if out is not None:
        print(f"page  {out}")


def run_changes(first: str, second: str, *, store: str | None, as_json: bool) -> None:
    """Print what changed from one study to another."""
    from darse.analysis.changes import changes_between
    from darse.analysis.history import history_of

    before, after = _study(first, store), _study(second, store)
    lines = [history_of([one])[0] for one in (before, after)]
    found = changes_between((before, lines[0]), (after, lines[1]))
    if as_json:
        print(json.dumps({**asdict(found), "first": lines[0].id, "second": lines[1].id}))
        return
    _print_changes(found, lines)


def _studies_of(folder: Path, store: str | None) -> list[tuple[Studied, Layers]]:
    from darse.analysis.layers import layers_of
    from darse.analysis.studied import read_study
    from darse.archive import open_archive

    with open_archive(folder, store) as archive:
        studies = [read_study(archive, record) for record in archive.studies()]
        return [(study, layers_of(study)) for study in studies]


def _study(given: str, store: str | None) -> Studied:
    """A study by the folder that it lies in, or by its id or name in the store, else in the folders that are here."""
    from darse.analysis.studied import read_study
    from darse.archive import choose_study, find_studies, find_study, open_archive

    folder = Path(given)
    if store is None and (folder / STORE_FILE).exists():
        with open_archive(folder, None) as archive:
            return read_study(archive, choose_study(archive, folder, None))
    if store is not None:
        with open_archive(Path(), store) as archive:
            return read_study(archive, find_study(archive, given))
    for place in study_folders(Path()):
        with open_archive(place, None) as archive:
            if find_studies(archive, given):
                return read_study(archive, find_study(archive, given))
    raise InputError(f"{printable(given)!r} is no folder of a study, and no study of the folders here")


def _as_json(line: StudyLine, steps: Sequence[Step], layers: Layers) -> dict[str, object]:
    told = [
        {
            "name": one.name,
            "rank": one.rank,
            "gain": None if one.gain is None else one.gain.loss,
            "last": None if one.last is None else asdict(one.last),
        }
        for one in layers.layers
    ]
    return {**asdict(line), "steps": [asdict(step) for step in steps], "layers": told}


def _print(lines: Sequence[StudyLine]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = _FILE_WIDTH
    if not lines:
        console.print("there is no study yet", markup=False)
        return
    print_table(console, _COLUMNS, list(map(_row, lines)))


def _row(line: StudyLine) -> tuple[str, ...]:
    from darse.analysis.history_page import day_words
    from darse.report.words import metric_value

    level = "-" if line.level is None or line.metric is None else metric_value(line.level, line.metric)
    begun, minutes = day_words(line.created).partition(" ")[0], f"{line.seconds / 60:.1f}"
    best = "yes" if line.is_best_so_far else ""
    return (printable(line.name, 60), begun, line.state, str(line.runs), minutes, line.verdict or "-", level, best)


def _print_changes(found: Changes, lines: Sequence[StudyLine]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    first, second = (f"{one.id} ({printable(one.name)})" for one in lines)
    console.print(f"from {first} to {second}", markup=False)
    told = {True: "other rows or splits: figures are not comparable", False: "the same rows and splits"}
    console.print(f"data: {told.get(found.data is True) if found.data is not None else 'not known'}", markup=False)
    if found.base is not None:
        console.print(f"base model: {'another one' if found.base else 'the same'}", markup=False)
    for name, changes in (("settings", found.settings), ("versions", found.versions), ("what came of it", found.found)):
        console.print(f"{name}:{'' if changes else ' the same'}", markup=False)
        for change in changes:
            console.print(f"  {_line(change)}", markup=False)


def _line(change: Change) -> str:
    before, after = (_shown(value) for value in (change.before, change.after))
    return f"{printable(change.name)}: {before} -> {after}"


def _shown(value: object) -> str:
    if isinstance(value, list):
        return printable(" ".join(map(str, value)), _SHOWN) or "-"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "-" if value is None else printable(str(value), _SHOWN)
