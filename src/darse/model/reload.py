"""An exported adapter folder, checked in every part, to a plain classifier ready to score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from darse.errors import AdapterError, ModelError
from darse.model.base import Base, find_base
from darse.model.folder import check_folder
from darse.model.lora_facts import LoraFacts, read_lora_facts
from darse.model.manifest import Manifest, manifest_digest, read_manifest
from darse.model.peft_names import ADAPTER_FILE, CONFIG_FILE, DOWN, KEY_PREFIX, UP
from darse.model.weights import add_update, head_names, head_parameters
from darse.names import printable, printable_path
from darse.ranks.sites import is_linear, is_transposed
from darse.settings import WHOLE


@dataclass(frozen=True)
class LoadedAdapter:
    """A classifier with the adapter merged in; its outputs are in the user's units.

    Attributes:
        model: In evaluation mode.
        tokenizer: Of the base model.
        manifest: What the folder says of itself: task, longest text, and a digest that names this very adapter.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
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
    if manifest.profile in WHOLE:
        found = Base(manifest.base_name, folder, manifest.base_digest, trust_remote_code)
        model = _merged(folder, manifest, found)
    else:
        found = find_base(base or manifest.base_name, trust_remote_code=trust_remote_code)
        model = _with_pairs(folder, manifest, found)
    tokenizer = found.tokenizer
    if manifest_digest(folder) != manifest.digest:
        # a folder is replaced as a whole, so an unchanged manifest proves that nothing in between was another's
        raise AdapterError(f"{folder} was replaced while it was read; load it again")
    return LoadedAdapter(model.eval(), tokenizer, manifest)


def _merged(folder: Path, manifest: Manifest, base: Base) -> PreTrainedModel:
    try:
        check_folder(folder, str(folder), trust_remote_code=base.trust_remote_code)
        loaded = base.load(manifest.task)
    except ModelError as error:
        raise AdapterError(f"{folder} is damaged: {error}") from error
    if loaded.random:
        raise AdapterError(f"{folder} has no usable values for {loaded.random[0]}; export the adapter again")
    for name, value in loaded.model.named_parameters():
        if not torch.isfinite(value).all():
            raise AdapterError(f"{folder}: {name} has values that are not finite; export the adapter again")
    return loaded.model


def _with_pairs(folder: Path, manifest: Manifest, base: Base) -> PreTrainedModel:
    if base.digest != manifest.base_digest:
        raise AdapterError(
            f"{folder} was trained on a base model with digest {printable(manifest.base_digest, 12)}, but "
            f"{printable_path(base.name)} has {base.digest[:11]}…; give the right one with --base"
        )
    tensors, facts = _read_tensors(folder / ADAPTER_FILE), read_lora_facts(folder)
    model = base.classifier(manifest.task)
    head = head_parameters(model)
    _check_names(folder, tensors, facts, head, head_names(model))
    with torch.no_grad():
        for name in sorted(head):
            _copy(head[name], name, tensors[name], folder)
        for name in sorted(facts.ranks):
            _merge(model, name, tensors[name + DOWN], tensors[name + UP], facts, folder)
    return model


def _read_tensors(path: Path) -> dict[str, Tensor]:
    try:
        tensors = load_safetensors(path.read_bytes())
    except (SafetensorError, OSError) as error:
        raise AdapterError(f"{path} cannot be read: {printable(str(error), 120)}; export the adapter again") from error
    for name, value in tensors.items():
        if not name.startswith(KEY_PREFIX):
            raise AdapterError(f"{path} holds {printable(repr(name))}, which no adapter of ours has")
        if value.dtype != torch.float32 or not torch.isfinite(value).all():
            raise AdapterError(f"{path}: {printable(name, 120)} has values that are not finite float32 numbers")
    return {name.removeprefix(KEY_PREFIX): value for name, value in tensors.items()}


def _check_names(
    folder: Path, tensors: Mapping[str, Tensor], facts: LoraFacts, head: Mapping[str, Tensor], parts: tuple[str, ...]
) -> None:
    """Refuse values that nothing asks for, and askings that nothing answers."""
    wanted = {f"{name}{leaf}" for name in facts.ranks for leaf in (DOWN, UP)} | head.keys()
    path = folder / ADAPTER_FILE
    if lacking := sorted(wanted - tensors.keys()):
        raise AdapterError(f"{path} lacks {printable(lacking[0], 120)}; export the adapter again")
    if more := sorted(tensors.keys() - wanted):
        raise AdapterError(f"{path} holds {printable(repr(more[0]), 120)}, which the model does not have")
    if set(facts.head) != set(parts):
        raise AdapterError(f"{folder / CONFIG_FILE} trains other modules whole than {', '.join(parts)}")


def _merge(model: PreTrainedModel, name: str, down: Tensor, up: Tensor, facts: LoraFacts, folder: Path) -> None:
    module = dict(model.named_modules()).get(name)
    if module is None or not is_linear(module):
        raise AdapterError(f"{folder}: the base model has no linear map {printable(repr(name), 120)}")
    weight, rank = module.weight, facts.ranks[name]
    assert isinstance(weight, Tensor)
    d_out, d_in = reversed(weight.shape) if is_transposed(module) else weight.shape
    if down.shape != (rank, d_in) or up.shape != (d_out, rank):
        raise AdapterError(f"{folder}: the pair of {name} does not fit rank {rank} of a weight of {d_out} x {d_in}")
    add_update(module, down, up, facts.alphas[name] / rank)


def _copy(target: Tensor, name: str, value: Tensor, folder: Path) -> None:
    if target.shape != value.shape:
        raise AdapterError(f"{folder}: {name} has shape {tuple(value.shape)}, not {tuple(target.shape)}")
    target.copy_(value)
