"""The manifest of an adapter folder: written last, it names every file's SHA-256; read first, it must hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from darse import __version__
from darse.data.example import Task
from darse.errors import AdapterError
from darse.files import sha256_of_file, write_json
from darse.model.base import Base

MANIFEST = "darse.json"
_FORMAT = 1
_MAX_MANIFEST_BYTES = 4 << 20


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
        about: Plan, metrics and study.
    """

    profile: str
    base_name: str
    base_digest: str
    task: Task
    max_length: int
    files: Mapping[str, str]
    about: Mapping[str, object]


def write_manifest(
    folder: Path, *, profile: str, base: Base, task: Task, max_length: int, about: Mapping[str, object]
) -> None:
    """Write the manifest over all files that are in the folder now."""
    files = {path.name: sha256_of_file(path) for path in sorted(folder.iterdir()) if path.name != MANIFEST}
    write_json(
        folder / MANIFEST,
        {
            "format": _FORMAT,
            "darse": __version__,
            "profile": profile,
            "base": {"name": base.name, "sha256": base.digest},
            "task": asdict(task),
            "max_length": max_length,
            "about": dict(about),
            "files": files,
        },
    )


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest and check every file against it.

    Raises:
        AdapterError: The folder is no adapter of ours, is incomplete, or a file was changed.
    """
    manifest = _parse(folder)
    for name, digest in manifest.files.items():
        path = folder / name
        if path.name != name or path.is_symlink() or not path.is_file():
            raise AdapterError(f"{folder}: {name!r} is missing or no regular file; export the adapter again")
        if sha256_of_file(path) != digest:
            raise AdapterError(f"{path} was changed after the export (its SHA-256 differs); export the adapter again")
    return manifest


def _parse(folder: Path) -> Manifest:
    path = folder / MANIFEST
    try:
        if path.stat().st_size > _MAX_MANIFEST_BYTES:
            raise AdapterError(f"{path} is larger than {_MAX_MANIFEST_BYTES} bytes; this is no manifest")
        content = json.loads(path.read_bytes())
        if content["format"] != _FORMAT:
            raise AdapterError(f"{path} has format {content['format']!r}; this version reads {_FORMAT}; upgrade darse")
        values = content["task"]
        return Manifest(
            profile=str(content["profile"]),
            base_name=str(content["base"]["name"]),
            base_digest=str(content["base"]["sha256"]),
            task=Task(**values | {"classes": tuple(map(str, values["classes"]))}),
            max_length=int(content["max_length"]),
            files={str(name): str(digest) for name, digest in content["files"].items()},
            about=dict(content["about"]),
        )
    except FileNotFoundError as error:
        raise AdapterError(f"{folder} has no {MANIFEST}; give the adapter folder that darse wrote") from error
    except OSError as error:
        raise AdapterError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise AdapterError(f"{path} is damaged; export the adapter again") from error
