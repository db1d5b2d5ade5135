"""`darse dump`: everything that a store holds of its studies, as CSV, TSV or JSON Lines."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from darse.amounts import plural
from darse.cli.stop import stopping_cleanly
from darse.errors import InputError
from darse.files import make_folder
from darse.store.folder import study_folders

if TYPE_CHECKING:
    from darse.analysis.overview import Overview
    from darse.store.sql import SqlStore

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
        make_folder(out)
        lines = history_of(one.study for one in overviews)
        for table in dump_tables(lines, overviews):
            stop.check()
            path = out / f"{table.name}.{kind}"
            amount = write_rows(path, table.columns, table.rows(), neutralise_formulas=True)
            print(f"{path}  {plural(amount, 'row')}")


def _overviews(store: SqlStore, study: str | None) -> list[Overview]:
    from darse.analysis.overview import overview_of
    from darse.analysis.studied import read_study
    from darse.archive import find_studies

    records = store.studies() if study is None else find_studies(store, study)
    return [overview_of(read_study(store, record), store) for record in records]
