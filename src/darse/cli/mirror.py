"""`darse mirror`: a study to Optuna, MLflow or trackio, whatever is not there yet."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from darse.amounts import plural
from darse.cli.stop import stopping_cleanly
from darse.errors import InputError
from darse.names import printable
from darse.store.folder import refuse_empty

MirrorTarget = Literal["optuna", "mlflow", "trackio"]


def run_mirror(folder: Path, *, to: str | None, address: str | None, study: str | None, store: str | None) -> None:
    """Mirror one study, and say what was added and how to look at it."""
    if to is None:
        raise InputError(f"--to says where: {', '.join(get_args(MirrorTarget))}")
    refuse_empty(folder, store)
    with stopping_cleanly("what was mirrored stays; the same command goes on") as stop:
        from darse.analysis.studied import read_study
        from darse.archive import choose_study, open_archive
        from darse.mirror import to_mlflow, to_optuna, to_trackio
        from darse.mirror.subject import MLFLOW, OPTUNA, TRACKIO, Subject

        tools = {
            OPTUNA: (to_optuna.mirror_to_optuna, to_optuna.default_address),
            MLFLOW: (to_mlflow.mirror_to_mlflow, to_mlflow.default_address),
            TRACKIO: (to_trackio.mirror_to_trackio, to_trackio.default_address),
        }
        mirror, default = tools[to]
        with open_archive(folder, store) as archive:
            record = choose_study(archive, folder, study, address=store)
            subject = Subject(read_study(archive, record), folder, stop.check)
            found = mirror(subject, address or default(folder))
    print(f"study {record.id} is {printable(found.name)} in {to}")
    print(f"{plural(found.added, 'trial')} added, {plural(found.present, 'trial')} there before")
    for note in found.notes:
        print(printable(note, 500))
    print(f"look at it with:  {printable(found.look, 500)}")
