"""A PEFT adapter and the classifier that it was trained on to trained weights of ours, which give the same outputs."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from darse.data.example import Task
from darse.errors import AdapterError
from darse.model.base import Base
from darse.model.head import in_training_units, last_linear
from darse.model.peft_adapter import PeftAdapter
from darse.model.weights import AdapterWeights, head_parameters
from darse.names import printable
from darse.ranks.plan import Weight
from darse.ranks.sites import find_weights, is_linear

_TASKS = (None, "SEQ_CLS")


def refuse_other_tasks(adapter: PeftAdapter) -> None:
    """Refuse an adapter that is not of a classifier or a regression model, or has parts that a cut would lose.

    Raises:
        AdapterError: It is refused.
    """
    if adapter.config.task_type not in _TASKS:
        raise AdapterError(
            f"{adapter.folder} is of task type {printable(repr(adapter.config.task_type))}; only classifiers and "
            "regression heads (SEQ_CLS) can be scored and shrunk; darse audit reads this one"
        )
    if adapter.left_out:
        name, reason = next(iter(adapter.left_out.items()))
        raise AdapterError(
            f"{adapter.folder} adapts {printable(repr(name), 120)}, which is {reason}; a cut would lose it, so it "
            "cannot be shrunk"
        )


def head_outputs(adapter: PeftAdapter, base: Base) -> int:
    """How many outputs the head has: rows of the narrowest map trained whole, else what the base's config says."""
    rows = [value.shape[0] for value in adapter.whole.values() if value.ndim == 2]
    return min(rows) if rows else len(base.id2label)


def fitted_weights(adapter: PeftAdapter, model: nn.Module, task: Task, alpha: float) -> AdapterWeights:
    """The adapter's values as trained weights of a classifier, the score's row on standardised scores.

    Args:
        adapter: The adapter.
        model: The classifier of its base model, from `Base.classifier`.
        task: What is predicted, as `task_for_head` gives it.
        alpha: Numerator of our scaling.

    Raises:
        AdapterError: A pair or a value of the head does not fit the model, or the head is nowhere to be found.
    """
    known = {weight.name: weight for weight in find_weights(model)}
    for name, pair in adapter.pairs.items():
        _check_pair(adapter, model, name, known.get(name), (pair.up.shape[0], pair.down.shape[1]))
    head = _head(adapter, model, task)
    return adapter.weights(alpha, in_training_units(model, task, head))


def _check_pair(
    adapter: PeftAdapter, model: nn.Module, name: str, weight: Weight | None, shape: tuple[int, int]
) -> None:
    shown = printable(repr(name), 120)
    if weight is not None:
        if shape != (weight.d_out, weight.d_in):
            raise AdapterError(
                f"{adapter.folder}: the pair of {shown} is made for a weight of {shape[0]} x {shape[1]}, but the base "
                f"model has one of {weight.d_out} x {weight.d_in}; give the right base with --model"
            )
        return
    module = dict(model.named_modules()).get(name)
    if module is not None and is_linear(module):
        raise AdapterError(
            f"{adapter.folder} adapts {shown}, which is outside of the model's repeated layers; train without it "
            "(target_modules) to shrink the adapter"
        )
    raise AdapterError(f"{adapter.folder}: the base model has no linear map {shown}; give the right base with --model")


def _head(adapter: PeftAdapter, model: nn.Module, task: Task) -> dict[str, Tensor]:
    """Values of the head, those of the adapter before those that came with the base model."""
    wanted = head_parameters(model)
    if more := sorted(adapter.whole.keys() - wanted.keys()):
        raise AdapterError(
            f"{adapter.folder} trains {printable(repr(more[0]), 120)} whole, which is no part of the head of this base "
            "model; give the right base with --model"
        )
    pretrained = model.darse_pretrained_head
    assert isinstance(pretrained, Mapping)
    values = {**{name: value.clone() for name, value in pretrained.items()}, **adapter.whole}
    if lacking := sorted(wanted.keys() - values.keys()):
        raise AdapterError(
            f"{adapter.folder} has no values for {lacking[0]}, and the base model has none either; save the adapter "
            f"with modules_to_save={sorted({name.partition('.')[0] for name in lacking})}"
        )
    final = last_linear(model, task)
    for name, parameter in wanted.items():
        if values[name].shape != parameter.shape:
            is_final = name.startswith(f"{final}.")
            raise AdapterError(
                f"{adapter.folder}: {name} has the shape {tuple(values[name].shape)}, but "
                + (
                    f"{task.outputs} outputs are asked for"
                    if is_final
                    else f"the base model has {tuple(parameter.shape)}"
                )
                + "; give data with the labels of the adapter, or the right base with --model"
            )
    return {name: values[name].clone() for name in wanted}
