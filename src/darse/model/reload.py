"""An exported adapter folder, checked in every part, to a plain classifier ready to score."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from darse.data.example import Task
from darse.errors import AdapterError
from darse.files import sha256_of_bytes
from darse.model.adapter import ADAPTER_FILE
from darse.model.base import Base, find_base
from darse.model.manifest import MANIFEST, Manifest, read_manifest
from darse.ranks.sites import is_transposed

_PREFIX = "base_model.model."
_DOWN, _UP = ".lora_A.weight", ".lora_B.weight"


@dataclass(frozen=True)
class LoadedAdapter:
    """A classifier with the adapter merged in; its outputs are in the user's units.

    Attributes:
        model: In evaluation mode.
        tokenizer: Of the base model.
        task: What is predicted.
        max_length: Tokens that a text is cut to.
        digest: SHA-256 of the manifest: names this very adapter.
        manifest: What the folder says of itself.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    task: Task
    max_length: int
    digest: str
    manifest: Manifest


def load_adapter(folder: Path, *, base: str | None = None, trust_remote_code: bool = False) -> LoadedAdapter:
    """Load an adapter folder that `write_adapter` wrote.

    Args:
        folder: The folder.
        base: Name or folder of the base model, if it is not where the manifest says.
        trust_remote_code: As in `find_base`.

    Raises:
        AdapterError: A file is missing or was changed, a value is not finite, a name or shape does not fit the
            base model, or the base model's weights are not those that the adapter was trained on.
        ModelError: The base model cannot be loaded.
    """
    manifest = read_manifest(folder)
    if manifest.profile == "merged":
        model = AutoModelForSequenceClassification.from_pretrained(folder, use_safetensors=True, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(folder)
    else:
        found = find_base(base or manifest.base_name, trust_remote_code=trust_remote_code)
        model, tokenizer = _with_pairs(folder, manifest, found), found.tokenizer
    digest = sha256_of_bytes((folder / MANIFEST).read_bytes())
    return LoadedAdapter(model.eval(), tokenizer, manifest.task, manifest.max_length, digest, manifest)


def _with_pairs(folder: Path, manifest: Manifest, base: Base) -> PreTrainedModel:
    if base.digest != manifest.base_digest:
        raise AdapterError(
            f"{folder} was trained on a base model with digest {manifest.base_digest[:12]}…, but {base.name} has "
            f"{base.digest[:12]}…; give the right one with --base"
        )
    model = base.classifier(manifest.task)
    tensors = _read_tensors(folder / ADAPTER_FILE)
    scales = _read_scales(folder)
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name in sorted(tensors):
            if name.endswith(_UP):
                continue
            if name.endswith(_DOWN):
                module = name.removesuffix(_DOWN)
                _merge(model, module, tensors[name], tensors.get(module + _UP), scales, folder)
            else:
                _copy(parameters, name, tensors[name], folder)
    return model


def _read_tensors(path: Path) -> dict[str, Tensor]:
    try:
        tensors = load_safetensors(path.read_bytes())
    except (SafetensorError, OSError) as error:
        raise AdapterError(f"{path} cannot be read: {error}") from error
    for name, value in tensors.items():
        if not name.startswith(_PREFIX):
            raise AdapterError(f"{path} holds {name!r}, which no adapter of ours has")
        if not torch.isfinite(value).all():
            raise AdapterError(f"{path}: {name} has values that are not finite")
    return {name.removeprefix(_PREFIX): value for name, value in tensors.items()}


def _read_scales(folder: Path) -> Mapping[str, float]:
    """Numerator of PEFT's alpha / r by module, the default under the empty name."""
    path = folder / "adapter_config.json"
    try:
        config = json.loads(path.read_bytes())
        patterns = {str(name).replace("\\", ""): float(value) for name, value in config["alpha_pattern"].items()}
        return {"": float(config["lora_alpha"])} | patterns
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise AdapterError(f"{path} is damaged; export the adapter again") from error


def _merge(
    model: PreTrainedModel, name: str, down: Tensor, up: Tensor | None, scales: Mapping[str, float], folder: Path
) -> None:
    try:
        module = model.get_submodule(name)
    except AttributeError as error:
        raise AdapterError(f"{folder}: the base model has no module {name!r}") from error
    weight = module.weight
    assert isinstance(weight, Tensor)
    d_out, d_in = reversed(weight.shape) if is_transposed(module) else weight.shape
    if up is None or down.ndim != 2 or up.shape != (d_out, down.shape[0]) or down.shape[1] != d_in:
        raise AdapterError(f"{folder}: the pair of {name} does not fit a weight of {d_out} x {d_in}")
    update = up.double() @ down.double() * (scales.get(name, scales[""]) / down.shape[0])
    weight.copy_(weight.double() + (update.T if is_transposed(module) else update))


def _copy(parameters: Mapping[str, Tensor], name: str, value: Tensor, folder: Path) -> None:
    target = parameters.get(name)
    if target is None:
        raise AdapterError(f"{folder}: the base model has no parameter {name!r}")
    if target.shape != value.shape:
        raise AdapterError(f"{folder}: {name} has shape {tuple(value.shape)}, not {tuple(target.shape)}")
    target.copy_(value)
