"""The manifest of an adapter folder: written last, it names every file's SHA-256; read first, it must hold."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

from darse import __version__
from darse.data.example import Task
from darse.data.labels import find_label_problem
from darse.errors import AdapterError
from darse.files import sha256_of_bytes, sha256_of_file, sha256_of_json, write_json
from darse.names import printable
from darse.settings import Profile

if TYPE_CHECKING:
    from darse.model.base import Base  # which takes seconds to load; who reads a manifest does not need it

MANIFEST = "darse.json"
REFERENCE_FILE = "reference.json"
"""What the adapter says of rows that it has not learned from, as figures (`darse.evaluate.sample`)."""
_FORMAT = 1
_MAX_MANIFEST_BYTES = 4 << 20
_AGAIN = "export the adapter again"


@dataclass(frozen=True)
class Manifest:
    """What an adapter folder says of itself.

    Attributes:
        profile: `native`, `padded` or `merged`.
        base_name: Name of the base model.
        base_digest: SHA-256 over its weights.
        task: What is predicted.
        max_length: Tokens that a text is cut to.
        files: SHA-256 of every file by name.
        about: Study, plan, verdict and columns of the data.
        digest: SHA-256 of the manifest itself, which names this very adapter.
    """

    profile: str
    base_name: str
    base_digest: str
    task: Task
    max_length: int
    files: Mapping[str, str]
    about: Mapping[str, object]
    digest: str

    @property
    def columns(self) -> dict[str, str]:
        """Column of each part in training; empty where the folder does not say so."""
        columns = self.about.get("columns")
        found = columns.items() if isinstance(columns, Mapping) else ()
        return {str(part): name for part, name in found if isinstance(name, str)}


def write_manifest(
    folder: Path, *, profile: str, base: Base, task: Task, max_length: int, about: Mapping[str, object]
) -> None:
    """Write the manifest over all files that are in the folder now; its last entry seals the others."""
    files = {path.name: sha256_of_file(path) for path in sorted(folder.iterdir()) if path.name != MANIFEST}
    values = {
        "format": _FORMAT,
        "darse": __version__,
        "profile": profile,
        "base": {"name": base.name, "sha256": base.digest},
        "task": asdict(task),
        "max_length": max_length,
        "about": dict(about),
        "files": files,
    }
    write_json(folder / MANIFEST, values | {"seal": seal(values)})


def seal(values: Mapping[str, object]) -> str:
    """SHA-256 over a manifest's other entries, which shows a changed bit in any of them.

    It guards against damage, not against a forger, who can seal again.
    """
    return sha256_of_json(json.loads(json.dumps({key: value for key, value in values.items() if key != "seal"})))


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest and check every file against it.

    Raises:
        AdapterError: The folder is no adapter of ours, is incomplete, holds a file more, or a file was changed.
    """
    manifest = peek_manifest(folder)
    try:
        # names that begin with a dot are of the system or the hub's cache, and nothing here reads them
        present = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
        for name, digest in manifest.files.items():
            path = folder / name
            if name not in present or path.is_symlink() or not path.is_file():
                raise AdapterError(f"{folder}: {printable(repr(name))} is missing or no regular file; {_AGAIN}")
            if sha256_of_file(path) != digest:
                raise AdapterError(f"{path} was changed after the export (its SHA-256 differs); {_AGAIN}")
    except OSError as error:
        raise AdapterError(f"{folder} cannot be read: {error.strerror}; {_AGAIN}") from error
    if more := sorted(present - manifest.files.keys() - {MANIFEST}):
        raise AdapterError(f"{folder / printable(more[0])} is not part of the export; move it elsewhere")
    return manifest


def manifest_digest(folder: Path) -> str:
    """SHA-256 of a folder's manifest as it is now.

    Raises:
        AdapterError: There is none.
    """
    return sha256_of_bytes(_read(folder / MANIFEST))


def peek_manifest(folder: Path) -> Manifest:
    """Read the manifest alone, in no time however large the files are that it names.

    Raises:
        AdapterError: The folder is no adapter of ours, or its manifest was changed.
    """
    path = folder / MANIFEST
    content = _read(path)
    try:
        values = json.loads(content, parse_constant=_refuse_constant)
        if values["format"] != _FORMAT:
            found = printable(repr(values["format"]))
            raise AdapterError(f"{path} has format {found}; this version of darse reads {_FORMAT}; upgrade darse")
        if values["seal"] != seal(values):
            raise AdapterError(f"{path} was changed after the export (its seal differs); {_AGAIN}")
        files, base = values["files"], values["base"]
        texts = [values["profile"], base["name"], base["sha256"], *files.keys(), *files.values()]
        if not all(isinstance(text, str) for text in texts) or values["profile"] not in get_args(Profile):
            raise ValueError("a text is none")
        if type(values["max_length"]) is not int or values["max_length"] < 1:
            raise ValueError("max_length is no length")
        task = _task(values["task"])
        for name in task.classes:
            if problem := find_label_problem(name):
                raise AdapterError(f"{path}: the class {printable(repr(name))} {problem}; no study of ours wrote this")
        return Manifest(
            profile=values["profile"],
            base_name=base["name"],
            base_digest=base["sha256"],
            task=task,
            max_length=values["max_length"],
            files=dict(files),
            about=dict(values["about"]),
            digest=sha256_of_bytes(content),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise AdapterError(f"{path} is damaged; {_AGAIN}") from error


def _read(path: Path) -> bytes:
    try:
        if not path.exists():
            raise AdapterError(f"{path.parent} has no {MANIFEST}; give the adapter folder that darse wrote")
        if path.is_symlink() or not path.is_file():
            raise AdapterError(f"{path} is no regular file; {_AGAIN}")
        if path.stat().st_size > _MAX_MANIFEST_BYTES:
            raise AdapterError(f"{path} is larger than {_MAX_MANIFEST_BYTES} bytes; this is no manifest")
        return path.read_bytes()
    except OSError as error:
        raise AdapterError(f"{path} cannot be read: {error.strerror}") from error


def _task(values: Mapping[str, object]) -> Task:
    """The task, every part of the kind it has to be.

    Raises:
        ValueError: It is not.
    """
    classes = values["classes"]
    task = Task(**cast(dict[str, object], values) | {"classes": tuple(cast(list[str], classes))})  # type: ignore[arg-type]  # every part is checked below
    numbers = (task.score_mean, task.score_sd, task.score_low, task.score_high)
    is_well_formed = (
        isinstance(classes, list)
        and all(isinstance(name, str) for name in classes)
        and len(set(classes)) == len(classes) != 1
        and all(isinstance(flag, bool) for flag in (task.has_score, task.has_target))
        and all(isinstance(number, float | int) and math.isfinite(number) for number in numbers)
        and task.score_sd > 0
        and task.outputs > 0
    )
    if not is_well_formed:
        raise ValueError("the task is damaged")
    return task


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")
