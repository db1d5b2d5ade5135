"""What a command names to an error at once if it is not there, before packages are loaded that take seconds."""

from __future__ import annotations

from pathlib import Path

from darse.data.source import refuse_absent
from darse.errors import AdapterError, DataError, ModelError
from darse.model.folder import check_folder
from darse.model.manifest import MANIFEST


def check_source(name: str, model: str | None, *, trust_remote_code: bool) -> None:
    """Refuse a labelled source, or a base model, that can only be a path and leads nowhere, or to no model."""
    refuse_absent(name)
    if model is None:
        return
    if _is_folder(model):
        check_folder(Path(model), model, trust_remote_code=trust_remote_code)
    elif model.startswith((".", "/", "~")):
        raise ModelError(f"{model}: there is no such folder; check --model")


def check_adapter(folder: Path, file: Path | None) -> None:
    """Refuse a folder without an adapter, and a file to score that is not there."""
    if not folder.is_dir():
        raise AdapterError(f"{folder}: there is no such folder; give the adapter folder that darse wrote")
    if not (folder / MANIFEST).exists():
        meant = folder / "adapter"
        hint = str(meant) if meant.is_dir() else "the adapter folder that darse wrote"
        raise AdapterError(f"{folder} has no {MANIFEST}; give {hint}")
    if file is not None and not (file.exists() or file.is_symlink()):
        raise DataError("there is no such file; check the path", path=file)


def _is_folder(name: str) -> bool:
    try:
        return name != "" and Path(name).is_dir()
    except (OSError, ValueError):  # no name that a folder can have
        return False
