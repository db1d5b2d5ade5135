"""A request to what the work stands on: the adapter on its base model, the data in its head's order, its sites."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from darse.data.example import LabelledData
from darse.data.load import load_labelled
from darse.data.source import Source
from darse.errors import AdapterError
from darse.execute.ground import Ground
from darse.model.base import Base, body_parameters, find_base
from darse.model.head import task_for_head
from darse.model.manifest import MANIFEST, read_manifest
from darse.model.peft_adapter import PeftAdapter, find_adapter, read_peft_adapter
from darse.model.peft_config import labels_of
from darse.model.peft_fit import fitted_weights, head_outputs, refuse_other_tasks
from darse.model.weights import AdapterWeights
from darse.ranks.budget import parse_budget
from darse.ranks.sites import find_weights
from darse.settings import Settings
from darse.shrink.labels import in_head_order
from darse.shrink.layout import Layout


@dataclass(frozen=True)
class ShrinkRequest:
    """What somebody wants shrunk.

    Attributes:
        adapter: A folder or a hub name.
        source: The labelled source, or what has been read of it.
        settings: Of the work; the base model is not taken from them.
        out: Folder of the work.
        labels: Names of the head's classes, in its order; empty to take those that are written down somewhere.
        base: Name or folder of the base model; None means the one that the adapter's config names.
        command: What reproduces the request.
        fresh: Do all of it again, and replace what came of another adapter in the folder.
    """

    adapter: str
    source: Source | LabelledData
    settings: Settings
    out: Path
    labels: tuple[str, ...] = ()
    base: str | None = None
    command: str = ""
    fresh: bool = False


@dataclass(frozen=True)
class Ready:
    """What the work on an adapter stands on.

    Attributes:
        settings: Those of the request, as the work takes them.
        adapter: Its pairs and its config.
        data: The rows, their classes in the order of the head.
        weights: The adapter's, as they fit the model.
        layout: Its modules and sites.
        ground: The model and the budget.
    """

    settings: Settings
    adapter: PeftAdapter
    data: LabelledData
    weights: AdapterWeights
    layout: Layout
    ground: Ground


def given_adapter(request: ShrinkRequest) -> PeftAdapter:
    """Read the adapter of a request.

    Raises:
        InputError: It is not there, damaged, no plain LoRA, or none of a classifier.
    """
    adapter = read_peft_adapter(find_adapter(request.adapter))
    refuse_other_tasks(adapter)
    return adapter


def prepare(request: ShrinkRequest, adapter: PeftAdapter) -> Ready:
    """Read base model and data, and see that they and the adapter fit each other; nothing is written.

    Raises:
        InputError: The base model, the source or a setting is wrong, or one does not fit another.
    """
    # a cut is held against the uncut adapter to a part of a per cent, which is finer than bfloat16 tells
    exact = request.settings.train.model_copy(update={"precision": "float32"})
    settings = request.settings.model_copy(update={"train": exact})
    base = _base(request, adapter)
    data = request.source
    if not isinstance(data, LabelledData):
        data = load_labelled(data, settings.data, seed=settings.search.seed)
    data = in_head_order(data, request.labels or _known_labels(adapter, base), head_outputs(adapter, base))
    model = base.classifier(data.task)
    weights = fitted_weights(adapter, model, task_for_head(model, data.task), settings.train.alpha)
    layout = Layout.of(find_weights(model), adapter.ranks, settings.search.granularity)
    text = settings.search.budget
    parameters = body_parameters(model)
    budget = None if text is None else parse_budget(text, layout.sites, parameters)
    return Ready(settings, adapter, data, weights, layout, Ground(base, model, layout.modules, parameters, budget))


def _base(request: ShrinkRequest, adapter: PeftAdapter) -> Base:
    name = request.base or adapter.config.base_name
    if name is None:
        raise AdapterError(f"{adapter.folder} does not name its base model; give it with --model")
    return find_base(name, trust_remote_code=request.settings.trust_remote_code)


def _known_labels(adapter: PeftAdapter, base: Base) -> tuple[str, ...]:
    """Names of the head's classes: of our own manifest, of the adapter's config, or of the base model's."""
    if (adapter.folder / MANIFEST).is_file():
        return read_manifest(adapter.folder).task.classes
    return adapter.config.labels or labels_of({"id2label": base.id2label})
