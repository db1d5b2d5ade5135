"""What a command names to an error at once if it is not there, before packages are loaded that take seconds."""

from __future__ import annotations

from pathlib import Path

from darse.errors import AdapterError, DataError, ModelError
from darse.files import is_folder
from darse.model.folder import check_folder
from darse.model.manifest import MANIFEST
from darse.model.peft_config import read_peft_config
from darse.model.peft_names import CONFIG_FILE


def check_model(name: str, *, trust_remote_code: bool) -> None:
    """Refuse a base model that can only be a path and leads nowhere, or to no model."""
    if is_folder(name):
        check_folder(Path(name), name, trust_remote_code=trust_remote_code)
    elif name.startswith((".", "/", "~")):
        raise ModelError(f"{name}: there is no such folder; check --model")


def check_peft_adapter(name: str) -> None:
    """Refuse an adapter from anywhere that can only be a path and leads nowhere, or whose config is none of LoRA."""
    if is_folder(name):
        if (Path(name) / CONFIG_FILE).exists():  # else the folder has another one in it, or none; that is told later
            read_peft_config(Path(name))
    elif name.startswith((".", "/", "~")):
        raise AdapterError(f"{name}: there is no such folder; give the folder of a PEFT adapter")


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
