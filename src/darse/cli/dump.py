"""`darse dump`: everything that a store holds of its studies, as CSV, TSV or JSON Lines."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from darse.amounts import plural
from darse.cli.stop import stopping_cleanly
from darse.errors import InputError
from darse.files import make_folder, write_json
from darse.store.folder import study_folders

if TYPE_CHECKING:
    from darse.analysis.overview import Overview
    from darse.store.sql import SqlStore

MARK = "dump.json"
"""Says that the files beside it are a dump, and of which studies."""
_FORMAT = "darse-dump 1"
_HEAD_BYTES = 200
DumpFormat = Literal["csv", "tsv", "jsonl"]


def run_dump(folder: Path, *, out: Path, kind: DumpFormat, study: str | None, store: str | None) -> None:
    """Write one file for each table into a folder."""
    folders = [folder] if store is not None else study_folders(folder)
    with stopping_cleanly("files that were finished stay") as stop, ExitStack() as stack:
        from darse.analysis.history import history_of
        from darse.analysis.tables import dump_tables
        from darse.archive import open_archive
        from darse.data.write import write_rows

        stores = [stack.enter_context(open_archive(place, store)) for place in folders]
        overviews = [one for opened in stores for one in _overviews(opened, study)]
        if not overviews:
            raise InputError(f"there is no study {study!r} there; `darse studies` lists those there are")
        tables = dump_tables(history_of(one.study for one in overviews), overviews)
        paths = {table.name: out / f"{table.name}.{kind}" for table in tables}
        _refuse_other(out, paths.values())
        make_folder(out)
        write_json(out / MARK, {"format": _FORMAT, "studies": [one.study.record.id for one in overviews]})
        for table in tables:
            stop.check()
            amount = write_rows(paths[table.name], table.columns, table.rows(), neutralise_formulas=True)
            print(f"{paths[table.name]}  {plural(amount, 'row')}")


def _refuse_other(out: Path, paths: Iterable[Path]) -> None:
    """Refuse to overwrite files that no dump has written."""
    present = [path for path in paths if path.exists() or path.is_symlink()]
    if present and not _is_dump(out):
        raise InputError(f"{present[0]} is no earlier result of darse dump; move it, or give another -o")


def _is_dump(out: Path) -> bool:
    try:
        with (out / MARK).open("rb") as file:
            return _FORMAT.encode() in file.read(_HEAD_BYTES)
    except OSError:
        return False


def _overviews(store: SqlStore, study: str | None) -> list[Overview]:
    from darse.analysis.overview import overview_of
    from darse.analysis.studied import read_study
    from darse.archive import find_studies

    records = store.studies() if study is None else find_studies(store, study)
    return [overview_of(read_study(store, record), store) for record in records]
