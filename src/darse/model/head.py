"""The head of a classifier: which modules it is, what the config says of it, and the units of what it returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from torch import Tensor, nn
from transformers import PreTrainedModel

from darse.data.example import Task
from darse.errors import ModelError
from darse.model.weights import head_names, head_parameters


def head_modules(
    model: PreTrainedModel, missing: Sequence[str], misfits: Sequence[str], folder: Path
) -> tuple[str, ...]:
    """Names of the modules that are trained whole: those outside the pretrained body, and those it came without.

    Args:
        model: The classifier.
        missing: Parameters that the files do not hold.
        misfits: Parameters that the files hold in another shape.
        folder: Where the files are, for the message.

    Raises:
        ModelError: The files lack a part of the pretrained body itself, so it would be random.
    """
    body = model.base_model_prefix
    head = {name for name, module in model.named_children() if name != body and any(True for _ in module.parameters())}
    for key in [*missing, *misfits]:
        if key.split(".")[0] != body:
            continue
        part = ".".join(key.split(".")[:2])
        if key in misfits or not _is_pooler(model, part, missing):
            raise ModelError(f"{folder}: the weights lack {key} or hold it in another shape; download the model again")
        head.add(part)
    return tuple(sorted(head))


def _is_pooler(model: PreTrainedModel, part: str, missing: Sequence[str]) -> bool:
    """Whether a part of the body is one that a head may bring along: it is missing whole and holds no layers."""
    module = dict(model.named_modules()).get(part)
    if module is None or any(isinstance(one, nn.ModuleList | nn.Embedding) for one in module.modules()):
        return False
    return {name for name, _ in module.named_parameters(prefix=part)} <= set(missing)


def describe_task(config: object, task: Task) -> None:
    """Write the task into a model's config so that plain `transformers` understands the head."""
    names = [*task.classes, *(["score"] if task.has_score else [])]
    config.num_labels = len(names)  # type: ignore[attr-defined]  # a PretrainedConfig has it; its package is untyped
    config.id2label = dict(enumerate(names))  # type: ignore[attr-defined]  # as above
    config.label2id = {name: index for index, name in enumerate(names)}  # type: ignore[attr-defined]  # as above
    config.problem_type = "single_label_classification" if not task.has_score else "regression"  # type: ignore[attr-defined]  # as above


def task_for_head(model: nn.Module, task: Task) -> Task:
    """The task as the head can carry it: without a bias a score can be scaled but not shifted."""
    name = last_linear(model, task)
    has_bias = getattr(model.get_submodule(name), "bias", None) is not None
    return task if has_bias or not task.has_score else replace(task, score_mean=0.0)


def in_user_units(model: nn.Module, task: Task, head: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Fold the standardisation of the score into the head, so that plain `transformers` returns user units.

    Args:
        model: The classifier.
        task: Its score's mean and standard deviation.
        head: Values that were trained on standardised scores, by full parameter name.

    Raises:
        ModelError: The score has a mean, but the head has no bias to hold it; see `task_for_head`.
    """
    values = {name: value.clone() for name, value in head.items()}
    if task.has_score:
        name, row = last_linear(model, task), len(task.classes)
        values[f"{name}.weight"][row] *= task.score_sd
        if f"{name}.bias" not in values and task.score_mean != 0.0:
            raise ModelError(f"{name} has no bias to hold the scores' mean {task.score_mean:g}; train with mean 0")
        if f"{name}.bias" in values:
            values[f"{name}.bias"][row] = values[f"{name}.bias"][row] * task.score_sd + task.score_mean
    return values


def in_training_units(model: nn.Module, task: Task, head: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inverse of `in_user_units`: a head that returns the user's own units, on standardised scores.

    Args:
        model: The classifier.
        task: Its score's mean and standard deviation, as `task_for_head` gives them.
        head: Values by full parameter name.
    """
    values = {name: value.clone() for name, value in head.items()}
    if task.has_score:
        name, row = last_linear(model, task), len(task.classes)
        values[f"{name}.weight"][row] /= task.score_sd
        if f"{name}.bias" in values:
            values[f"{name}.bias"][row] = (values[f"{name}.bias"][row] - task.score_mean) / task.score_sd
    return values


def cooled(model: nn.Module, task: Task, head: Mapping[str, Tensor], temperature: float) -> dict[str, Tensor]:
    """Fold a temperature into the rows of the classes, so that plain `transformers` returns calibrated probabilities.

    Args:
        model: The classifier.
        task: What is predicted.
        head: Values by full parameter name.
        temperature: What the classes' logits are divided by.
    """
    values = {name: value.clone() for name, value in head.items()}
    name, classes = last_linear(model, task), len(task.classes)
    for leaf in ("weight", "bias"):
        if f"{name}.{leaf}" in values:
            values[f"{name}.{leaf}"][:classes] /= temperature
    return values


def last_linear(model: nn.Module, task: Task) -> str:
    """Full name of the linear map that makes the outputs.

    Raises:
        ModelError: The head has none with a row per output.
    """
    found: list[str] = [
        name
        for part in head_names(model)
        for name, module in model.get_submodule(part).named_modules(prefix=part)
        if isinstance(module, nn.Linear) and module.out_features == task.outputs
    ]
    if not found:
        raise ModelError(f"{type(model).__name__} has no linear head with {task.outputs} outputs; choose another model")
    return found[-1]


def has_hidden_layers(model: nn.Module, task: Task) -> bool:
    """Whether a head holds more than its last linear map, so that what the map sees depends on the head's seed."""
    last = last_linear(model, task)
    return any(not name.startswith(f"{last}.") for name in head_parameters(model))
