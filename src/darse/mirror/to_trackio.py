"""A study to a project of trackio: its training runs, epoch by epoch, in local files alone."""

from __future__ import annotations

import contextlib
import io
import os
from importlib.util import find_spec
from pathlib import Path

from darse.errors import InputError, MissingExtraError
from darse.mirror.subject import Mirrored, Subject

_END = "search loss"
"""Told last of a run; one without it was not ended, and is made anew."""
_REMOTE = ("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL", "TRACKIO_DATASET_ID", "TRACKIO_BUCKET_ID", "TRACKIO_WEBHOOK_URL")
"""Variables that would send what is mirrored elsewhere."""


def default_address(folder: Path) -> str:
    """Where it goes if nothing is said: a folder in the study's folder."""
    return str(folder / "trackio")


def mirror_to_trackio(subject: Subject, address: str) -> Mirrored:
    """Add every training run that is not there yet.

    Nothing leaves the machine: variables that would have it sent to a server or to the hub do not count.

    Args:
        subject: The study.
        address: Folder of trackio's files; trackio reads it once in a process.

    Raises:
        MissingExtraError: trackio is not installed.
        InputError: This process has read another folder already.
    """
    if find_spec("trackio") is None:
        raise MissingExtraError("trackio", "trackio", "or write files with darse dump")
    folder = Path(address).absolute()
    os.environ["TRACKIO_DIR"] = str(folder)
    for name in _REMOTE:
        os.environ.pop(name, None)
    import trackio
    from trackio.utils import TRACKIO_DIR

    if folder != TRACKIO_DIR:
        raise InputError(f"trackio was loaded before and writes to {TRACKIO_DIR}; mirror in a process of its own")
    project = f"darse-{subject.name}"
    known = {}
    with contextlib.suppress(ValueError):  # there is no such project yet
        known = {run.name: run for run in trackio.Api().runs(project)}
    added = present = 0
    for trial, _ in subject.starts():
        subject.check()
        name = trial.id[:16]
        if name in known:
            if _has_ended(project, name):
                present += 1
                continue
            known[name].delete()
        config = {**subject.parameters(trial.spec), **subject.labels(trial.spec), "trial": trial.id}
        with contextlib.redirect_stdout(io.StringIO()):  # it tells of every run
            trackio.init(
                project, name=name, config=config, embed=False, auto_log_gpu=False,
                auto_log_cpu=False,
            )  # fmt: skip
            for epoch, told in subject.points(trial):
                trackio.log(told, step=epoch)
            end = {**trial.outcome.metrics, "seconds": trial.outcome.seconds, _END: trial.outcome.score}
            trackio.log(end, step=len(trial.outcome.curve))
            trackio.finish()
        added += 1
    return Mirrored(project, added, present, f"TRACKIO_DIR={address} trackio show --project {project}")


def _has_ended(project: str, run: str) -> bool:
    from trackio.sqlite_storage import SQLiteStorage

    return any(_END in entry for entry in SQLiteStorage.get_logs(project, run))
