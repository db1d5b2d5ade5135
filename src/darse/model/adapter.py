"""Trained weights to a standard PEFT adapter folder, or to a merged model."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from peft import LoraConfig, TaskType
from safetensors import SafetensorError
from safetensors.torch import save as save_safetensors
from torch import Tensor
from transformers import PreTrainedModel

from darse.data.example import Task
from darse.errors import PlanError, StoreError
from darse.files import replacing_folder, write_durably, write_json
from darse.model.base import Base
from darse.model.head import in_user_units
from darse.model.loading import quiet
from darse.model.lora import installed
from darse.model.manifest import MANIFEST, REFERENCE_FILE, write_manifest
from darse.model.peft_names import ADAPTER_FILE, CONFIG_FILE, DOWN, KEY_PREFIX, UP
from darse.model.weights import AdapterWeights, Pair, add_update, head_names, scaling
from darse.ranks.plan import Weight
from darse.ranks.sites import is_transposed
from darse.settings import WHOLE, Profile


@dataclass(frozen=True)
class Export:
    """What goes into an adapter folder.

    Attributes:
        base: The base model.
        model: Its classifier, for names and for merging; given back as it came.
        task: What is predicted.
        weights: The trained values, the score's row on standardised scores.
        adaptable: All weights of the model that could carry a pair.
        max_length: Tokens that a text was cut to in training.
        about: Facts for the manifest: study, plan, verdict, columns of the data.
        reference: What it says of rows that it has not learned from; None where that is not known.
    """

    base: Base
    model: PreTrainedModel
    task: Task
    weights: AdapterWeights
    adaptable: Sequence[Weight]
    max_length: int
    about: Mapping[str, object] = field(default_factory=dict)
    reference: Mapping[str, object] | None = None


def write_adapter(
    export: Export,
    folder: Path,
    profile: Profile = "native",
    *,
    card: str = "",
    add: Callable[[PreTrainedModel, Path], Mapping[str, object]] = lambda model, folder: {},
    prove: Callable[[Path], None] = lambda folder: None,
) -> None:
    """Write an adapter folder; the manifest, last, makes it count.

    Args:
        export: What to write.
        folder: Where; an earlier export there is replaced as a whole, anything else is refused.
        profile: `native` (a rank per module), `padded` (one rank, zero-filled, for runtimes that ignore patterns),
            `merged` (a whole model, no adapter left) or `onnx` (the same, and what `add` puts beside it).
        card: The model card, Markdown.
        add: Of a whole model, called with it and with the folder: it may write files of its own, and what it returns
            is told in the manifest.
        prove: Called with the finished folder before it takes the place of an old one; it may raise.
    """
    with replacing_folder(folder, marker=MANIFEST) as new:
        about = dict(export.about)
        if profile in WHOLE:
            about |= _write_whole(export, new, add)
        else:
            _write_pairs(export, new, profile)
        _write_tokenizer(export, new)
        if card:
            write_durably(new / "README.md", card.encode())
        if export.reference is not None:
            write_json(new / REFERENCE_FILE, export.reference)
        write_manifest(
            new, profile=profile, base=export.base, task=export.task, max_length=export.max_length, about=about
        )
        prove(new)


def _write_tokenizer(export: Export, folder: Path) -> None:
    """The tokenizer as trained: texts as long as in training, and no trace of what it was last used for."""
    tokenizer = copy.deepcopy(export.base.tokenizer)
    tokenizer.model_max_length = export.max_length
    if backend := getattr(tokenizer, "backend_tokenizer", None):
        backend.no_truncation()
        backend.no_padding()
    tokenizer.save_pretrained(folder, save_jinja_files=False)


def lora_config(weights: AdapterWeights, base: Base, head: Sequence[str]) -> LoraConfig:
    """The PEFT config of trained weights: complete, escaped, non-overlapping, fully qualified keys.

    PEFT matches pattern keys as regular expressions at the end of a module's name and sorts them when saving, so
    anything less than the full name can train one way and reload another.
    """
    ranks = {name: pair.rank for name, pair in weights.pairs.items()}
    config = plan_config(ranks, alpha=weights.alpha, base_name=base.name, head=head)
    config.inference_mode = True
    return config


def plan_config(ranks: Mapping[str, int], *, alpha: float, base_name: str, head: Sequence[str]) -> LoraConfig:
    """A `LoraConfig` with a rank per module and rank-stabilised scaling through `alpha_pattern`.

    Args:
        ranks: Rank by the module's full name, above 0.
        alpha: Numerator of alpha / sqrt(r).
        base_name: The base model's name.
        head: Modules that are trained whole.

    Raises:
        PlanError: No module has a rank.
    """
    if not ranks:
        raise PlanError("a plan of zeros adapts no module, so there is no LoRA config for it; train the head alone")
    top = max(ranks.values())
    return LoraConfig(
        task_type=TaskType.SEQ_CLS,
        base_model_name_or_path=base_name,
        r=top,
        lora_alpha=scaling(alpha, top) * top,
        lora_dropout=0.0,
        bias="none",
        target_modules=sorted(ranks),
        rank_pattern={re.escape(name): rank for name, rank in sorted(ranks.items())},
        # PEFT scales by alpha / r, so alpha * sqrt(r) gives alpha / sqrt(r)
        alpha_pattern={re.escape(name): scaling(alpha, rank) * rank for name, rank in sorted(ranks.items())},
        modules_to_save=list(head),
    )


def _write_pairs(export: Export, folder: Path, profile: Profile) -> None:
    head = in_user_units(export.model, export.task, export.weights.head)
    weights = AdapterWeights(export.weights.alpha, export.weights.pairs, head)
    weights = _with_a_pair(weights, export.adaptable)
    if profile == "padded":
        weights = _padded(weights, export.adaptable)
    config = lora_config(weights, export.base, head_names(export.model))
    # GPT-2 stores its weights transposed; PEFT would find out by itself, with a warning
    config.fan_in_fan_out = any(is_transposed(export.model.get_submodule(name)) for name in weights.pairs)
    if profile == "padded":
        top = max(pair.rank for pair in weights.pairs.values())
        config.r, config.lora_alpha, config.rank_pattern, config.alpha_pattern = top, top, {}, {}
    tensors = {f"{KEY_PREFIX}{name}": value for name, value in weights.head.items()}
    for name, pair in weights.pairs.items():
        tensors[f"{KEY_PREFIX}{name}{DOWN}"] = pair.down
        tensors[f"{KEY_PREFIX}{name}{UP}"] = pair.up
    content = save_safetensors(
        {name: value.detach().contiguous() for name, value in sorted(tensors.items())}, metadata={"format": "pt"}
    )
    write_durably(folder / ADAPTER_FILE, content)
    written = {key: sorted(value) if isinstance(value, set) else value for key, value in config.to_dict().items()}
    write_json(folder / CONFIG_FILE, written)


def _write_whole(
    export: Export, folder: Path, add: Callable[[PreTrainedModel, Path], Mapping[str, object]]
) -> Mapping[str, object]:
    head = in_user_units(export.model, export.task, export.weights.head)
    with installed(export.model, AdapterWeights(export.weights.alpha, {}, head)), merged(export.model, export.weights):
        try:
            with quiet():
                export.model.save_pretrained(folder)
        except SafetensorError as error:
            raise StoreError(f"cannot write the model to {folder}: {error}; free some room") from error
        return add(export.model, folder)


@contextmanager
def merged(model: torch.nn.Module, weights: AdapterWeights) -> Iterator[None]:
    """Add the updates of all pairs to the model's own weights for a `with` block; leaving it restores every bit."""
    before: dict[str, Tensor] = {}
    try:
        with torch.no_grad():
            for name, pair in weights.pairs.items():
                before[name] = _weight_of(model, name).clone()
                add_update(model.get_submodule(name), pair.down, pair.up, scaling(weights.alpha, pair.rank))
        yield
    finally:
        with torch.no_grad():
            for name, value in before.items():
                _weight_of(model, name).copy_(value)


def _weight_of(model: torch.nn.Module, name: str) -> Tensor:
    weight = model.get_submodule(name).weight
    assert isinstance(weight, Tensor)
    return weight


def _with_a_pair(weights: AdapterWeights, adaptable: Sequence[Weight]) -> AdapterWeights:
    """PEFT refuses an adapter without a target; a plan of zeros gets one pair of rank 1 whose update is zero."""
    if weights.pairs:
        return weights
    last = adaptable[-1]
    pair = Pair(torch.zeros(1, last.d_in), torch.zeros(last.d_out, 1))
    return AdapterWeights(weights.alpha, {last.name: pair}, weights.head)


def _padded(weights: AdapterWeights, adaptable: Sequence[Weight]) -> AdapterWeights:
    """Every weight at the highest rank, filled with zeros, the scaling folded into `up`."""
    top = max(pair.rank for pair in weights.pairs.values())
    pairs = {}
    for weight in adaptable:
        down, up = torch.zeros(top, weight.d_in), torch.zeros(weight.d_out, top)
        if (pair := weights.pairs.get(weight.name)) is not None:
            down[: pair.rank] = pair.down
            up[:, : pair.rank] = pair.up * scaling(weights.alpha, pair.rank)
        pairs[weight.name] = Pair(down, up)
    return AdapterWeights(weights.alpha, pairs, weights.head)
