"""A model folder to the digest of its weights, after every file that could run code or lead elsewhere was refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from darse.errors import ModelError
from darse.files import sha256_of_file
from darse.model.peft_names import CONFIG_FILE
from darse.names import printable, printable_path

_MAX_JSON_BYTES = 64 << 20
_INDEX = "model.safetensors.index.json"
_VOCABULARIES = ("tokenizer.json", "vocab*", "*.model", "*.bpe", "*.spm")
_LIMITS = {"num_hidden_layers": 1_000, "n_layer": 1_000, "n_layers": 1_000, "num_labels": 100_000}
_OWN_ATTENTION = (None, "eager", "sdpa")
_ATTENTION_KEYS = ("attn_implementation", "_attn_implementation", "experts_implementation", "_experts_implementation")


def check_folder(folder: Path, name: str, *, trust_remote_code: bool) -> None:
    """Refuse a model folder that could run code, read pickles or lead to files outside of it.

    Args:
        folder: The folder.
        name: What the user called it.
        trust_remote_code: Whether code in it may run.

    Raises:
        ModelError: It is refused, or is no model at all.
    """
    config = _read_object(folder / "config.json")
    if config is None:
        raise ModelError(f"{folder} has no config.json; give the folder of a transformers model")
    tokenizer = _read_object(folder / "tokenizer_config.json") or {}
    if (config.get("auto_map") or tokenizer.get("auto_map")) and not trust_remote_code:
        raise ModelError(
            f"{printable_path(name)} brings its own code, which is not run; read it, then allow it with "
            "--trust-remote-code"
        )
    _refuse_redirections(folder, config)
    for key, limit in _LIMITS.items():
        if isinstance(value := config.get(key), int | float) and not value <= limit:
            raise ModelError(f"{folder / 'config.json'} has {key} {value:.6g}, above {limit}; download the model again")
    if not any(path.is_file() for pattern in _VOCABULARIES for path in folder.glob(pattern)):
        raise ModelError(f"{folder} has no tokenizer.json or other vocabulary; download the model again")
    _check_weights(folder)


def files_digest(folder: Path) -> str:
    """SHA-256 over everything in a folder that shapes training: weights, config and tokenizer.

    Raises:
        ModelError: A file cannot be read.
    """
    patterns = ("config.json", "tokenizer_config.json", *_VOCABULARIES)
    others = sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})
    return _digest_of([*_weight_files(folder), *others])


def weights_digest(folder: Path) -> str:
    """SHA-256 over the names and contents of a folder's safetensors files.

    Raises:
        ModelError: A file cannot be read.
    """
    return _digest_of(_weight_files(folder))


def _digest_of(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        try:
            digest.update(f"{path.name}:{sha256_of_file(path)}\n".encode())
        except OSError as error:
            raise ModelError(f"{path} cannot be read: {error.strerror}; check its permissions") from error
    return digest.hexdigest()


def _refuse_redirections(folder: Path, config: dict[str, object]) -> None:
    """Refuse what makes `transformers` read other files, or code, than those that were checked and digested."""
    path = folder / "config.json"
    for key in _ATTENTION_KEYS:
        if config.get(key) not in _OWN_ATTENTION:
            raise ModelError(
                f"{path} asks for the {key} {printable(repr(config[key]))}, which is code from elsewhere; "
                "remove the entry"
            )
    for key in ("transformers_weights", "quantization_config", "distributed_config"):
        if config.get(key) is not None:
            raise ModelError(f"{path} has a {key}, which is not supported; give a plain model in safetensors")
    if (folder / CONFIG_FILE).exists():
        raise ModelError(f"{folder} holds an adapter, not a base model; give the model that it was trained on")


def _check_weights(folder: Path) -> None:
    files = _weight_files(folder)
    if not files:
        raise ModelError(f"{folder} has no *.safetensors weights; pickled weights are not read, convert them first")
    for path in files:
        if not path.is_file():
            raise ModelError(f"{path} is no regular file; give the folder of a transformers model")
    if (folder / "model.safetensors").is_file():
        return
    index = _read_object(folder / _INDEX)
    shards = index.get("weight_map") if index is not None else None
    if not isinstance(shards, dict):
        raise ModelError(f"{folder} has neither model.safetensors nor a {_INDEX} with a weight_map; download it again")
    known = {path.name for path in files}
    for shard in shards.values():
        if not isinstance(shard, str) or shard not in known:
            raise ModelError(
                f"{folder / _INDEX} names {printable(repr(shard))}, which is no *.safetensors file in the folder; "
                "download the model again"
            )


def _weight_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors"))


def _read_object(path: Path) -> dict[str, object] | None:
    """A JSON object from a file, None if there is no such file."""
    try:
        if not path.exists():
            return None
        if not path.is_file() or path.stat().st_size > _MAX_JSON_BYTES:
            raise ModelError(f"{path} is no regular file of at most {_MAX_JSON_BYTES} bytes")
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}; check its permissions") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is not valid JSON; download the model again") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path} is not a JSON object; download the model again")
    return value
