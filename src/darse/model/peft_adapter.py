"""A PEFT adapter from anywhere to its low-rank pairs and the values it trained whole, every part checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from darse.errors import AdapterError
from darse.files import sha256_of_bytes, sha256_of_file
from darse.model.hub import download
from darse.model.peft_config import PeftConfig, read_peft_config
from darse.model.peft_names import ADAPTER_FILE, CONFIG_FILE, DOWN, KEY_PREFIX, UP
from darse.model.weights import AdapterWeights, Pair, scaling
from darse.names import printable, printable_path

_PICKLES = ("adapter_model.bin", "adapter_model.pt", "pytorch_model.bin")
_WHOLE = ".modules_to_save."
_MAX_BYTES = 32 << 30
_MAX_TENSORS = 100_000
_MAX_NAME = 512
_DTYPES = frozenset({torch.float32, torch.float16, torch.bfloat16, torch.float64})


@dataclass(frozen=True)
class PeftAdapter:
    """An adapter as its files have it, without its base model.

    Attributes:
        folder: Where it lies.
        digest: SHA-256 over its values and its config.
        config: What the config says.
        pairs: By the adapted module's full name; the update is `up @ down`, peft's scaling folded into `up`.
        whole: Values that were trained whole (the head), by full parameter name.
        left_out: Names of values that are no part of a plain pair (LoRA on an embedding, ...), with the reason.
    """

    folder: Path
    digest: str
    config: PeftConfig
    pairs: Mapping[str, Pair]
    whole: Mapping[str, Tensor]
    left_out: Mapping[str, str]

    @property
    def ranks(self) -> dict[str, int]:
        """Stored rank by module."""
        return {name: pair.rank for name, pair in self.pairs.items()}

    def weights(self, alpha: float, head: Mapping[str, Tensor]) -> AdapterWeights:
        """The same update in our own scaling.

        Args:
            alpha: Numerator of alpha / sqrt(r).
            head: Values of the head.
        """
        pairs = {name: Pair(pair.down, pair.up / scaling(alpha, pair.rank)) for name, pair in self.pairs.items()}
        return AdapterWeights(alpha, pairs, head)


def find_adapter(name: str) -> Path:
    """The folder of an adapter: a local one, or one that the hub gives us.

    Raises:
        AdapterError: It holds no LoRA adapter in safetensors.
        ModelError: The hub does not give it.
    """
    folder = Path(name)
    try:
        is_folder, is_there = folder.is_dir(), folder.exists()
    except (OSError, ValueError):  # a name that no file can have
        is_folder = is_there = False
    if not is_folder and (is_there or name.startswith((".", "/", "~"))):
        raise AdapterError(f"{printable_path(name)}: there is no such folder; give the folder of a PEFT adapter")
    if not is_folder:
        folder = download(name, [CONFIG_FILE, ADAPTER_FILE], "a PEFT adapter", "give the folder of a PEFT adapter")
    _check_files(folder)
    return folder


def read_peft_adapter(folder: Path) -> PeftAdapter:
    """Read every value of an adapter.

    Raises:
        AdapterError: A file is missing, is a pickle, is damaged or far too large, a value is not finite, half a pair is
            missing, or the adapter is not made of plain LoRA pairs.
    """
    _check_files(folder)
    config, path = read_peft_config(folder), folder / ADAPTER_FILE
    tensors = _read_tensors(path)
    downs = {name.removesuffix(DOWN): value for name, value in tensors.items() if name.endswith(DOWN)}
    ups = {name.removesuffix(UP): value for name, value in tensors.items() if name.endswith(UP)}
    if lacking := sorted(downs.keys() ^ ups.keys()):
        raise AdapterError(f"{path} holds half of the pair of {printable(lacking[0], 120)}; save the adapter again")
    left_out = {name: "no linear map" for name, value in downs.items() if value.ndim != 2 or ups[name].ndim != 2}
    pairs: dict[str, Pair] = {}
    for name in sorted(downs.keys() - left_out.keys()):
        down, up = downs[name], ups[name]
        if up.shape[1] != down.shape[0] or 0 in (*up.shape, *down.shape):
            raise AdapterError(
                f"{path}: the pair of {printable(name, 120)} has the shapes {tuple(up.shape)} and {tuple(down.shape)}, "
                "which do not fit together; save the adapter again"
            )
        pairs[name] = Pair(down, up * config.scaling(name, down.shape[0]))
    others = {name: value for name, value in tensors.items() if not name.endswith((DOWN, UP))}
    left_out |= {name: "no part of a plain pair" for name in others if "lora_" in name}
    whole = {name.replace(_WHOLE, "."): value for name, value in others.items() if "lora_" not in name}
    if not pairs:
        raise AdapterError(f"{path} holds no low-rank pair of a linear map; there is nothing to cut")
    digest = sha256_of_bytes(f"{sha256_of_file(path)}{sha256_of_file(folder / CONFIG_FILE)}".encode())
    return PeftAdapter(folder, digest, config, pairs, whole, left_out)


def _check_files(folder: Path) -> None:
    """Refuse a folder without an adapter in safetensors, with the remedy."""
    path = folder / ADAPTER_FILE
    try:
        if path.is_file():
            if path.stat().st_size > _MAX_BYTES:
                raise AdapterError(f"{path} is larger than {_MAX_BYTES >> 30} GiB; this is no adapter")
            return
        pickled = next((name for name in _PICKLES if (folder / name).exists()), None)
        if pickled is not None:
            raise AdapterError(
                f"{folder / pickled} is a pickle, which can run code when it is read; load it with peft where you "
                "trust it and save it with save_pretrained(folder, safe_serialization=True)"
            )
        meant = folder / "adapter"
        hint = str(meant) if (meant / ADAPTER_FILE).is_file() else "the folder of a PEFT adapter"
    except OSError as error:
        raise AdapterError(f"{folder} cannot be read: {error.strerror}; check its permissions") from error
    raise AdapterError(f"{folder} has no {ADAPTER_FILE}; give {hint}")


def _read_tensors(path: Path) -> dict[str, Tensor]:
    """All values in float32 by full name, PEFT's prefix removed."""
    found: dict[str, Tensor] = {}
    try:
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            if len(names) > _MAX_TENSORS:
                raise AdapterError(f"{path} holds {len(names)} values, above {_MAX_TENSORS}; this is no adapter")
            for name in names:
                found[_inner_name(name, path)] = _checked(file.get_tensor(name), name, path)
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        said = printable(str(error), 120)
        raise AdapterError(f"{path} cannot be read: {said}; download or save the adapter again") from error
    return found


def _inner_name(name: str, path: Path) -> str:
    if not name.startswith(KEY_PREFIX) or not name.isprintable() or len(name) > _MAX_NAME:
        raise AdapterError(
            f"{path} holds {printable(repr(name))}, which peft would not name so; save the adapter again"
        )
    return name.removeprefix(KEY_PREFIX)


def _checked(value: Tensor, name: str, path: Path) -> Tensor:
    if value.dtype not in _DTYPES:
        raise AdapterError(f"{path}: {printable(name, 120)} is of type {value.dtype}; save the adapter in float32")
    value = value.float()
    if not torch.isfinite(value).all():
        raise AdapterError(f"{path}: {printable(name, 120)} has values that are not finite numbers; train it again")
    return value
