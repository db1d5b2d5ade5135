"""`darse doctor`: machine, packages, model and store checked, each with what to mend."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import typer

from darse.errors import DarseError, InputError
from darse.names import without_secrets
from darse.packages import required_packages

_ROOM_GIB = 2.0


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    what: str
    is_good: bool
    found: str


def run_doctor(model: str, *, store: str | None, as_json: bool) -> None:
    """Print every check; exit 1 if one is bad."""
    checks = [*_machine(), *_packages(), _model(model), *([_store(store)] if store else [])]
    if as_json:
        print(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        for check in checks:
            print(f"{'ok ' if check.is_good else 'BAD'}  {check.what:<14} {check.found}")
    if not all(check.is_good for check in checks):
        raise typer.Exit(1)


def _machine() -> Iterator[Check]:
    version = platform.python_version()
    yield Check("python", sys.version_info >= (3, 11), f"{version}, needs 3.11 or newer")
    yield Check("cores", True, str(os.cpu_count()))
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    yield Check("disk", free > _ROOM_GIB, f"{free:.1f} GiB free in {Path.cwd()}; a study needs about {_ROOM_GIB:.0f}")
    is_writable = os.access(Path.cwd(), os.W_OK)
    yield Check("folder", is_writable, f"{Path.cwd()} {'can' if is_writable else 'cannot'} be written")


def _packages() -> Iterator[Check]:
    for name in required_packages():
        try:
            yield Check(name, True, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Check(name, False, f"missing; run: pip install {name}")


def _model(name: str) -> Check:
    from darse.model.base import find_base

    try:
        base = find_base(name)
    except DarseError as error:
        return Check("model", False, str(error))
    return Check("model", True, f"{base.name} in {base.folder}, SHA-256 {base.digest[:12]}...")


def _store(address: str) -> Check:
    from darse.archive import check_artifacts, open_archive

    about = ""
    try:
        with open_archive(Path(), address) as opened:
            records = opened.studies()
            for record in records:
                about = f"study {record.id}: "
                check_artifacts(opened, record.id)
            counted = f"{len(records)} {'study' if len(records) == 1 else 'studies'}"
            return Check("store", True, f"{without_secrets(address)}: {counted}, nothing is missing")
    except InputError as error:
        if "://" in address and not address.startswith("sqlite"):  # a server that answers, with nothing in it
            return Check("store", True, f"{without_secrets(address)}: 0 studies; darse explore makes the store")
        return Check("store", False, str(error))
    except DarseError as error:
        return Check("store", False, f"{about}{error}")
