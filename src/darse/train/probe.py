"""A frozen model and training rows to a last linear map that fits them: where every run starts."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from darse.data.example import Task
from darse.model.head import last_linear
from darse.train.batches import evaluation_batches
from darse.train.encode import Encoded

_PENALTIES = tuple(float(value) for value in 10.0 ** np.arange(-1, 6))
"""Ridge penalties on standardised features; the best by leave-one-out error is taken."""
_LOGISTIC_C = 0.01
"""Inverse penalty of the classes' logistic regression: there are about as many features as rows."""
_LOGISTIC_STEPS = 200

Floats = NDArray[np.float64]


def probe_head(
    model: nn.Module, rows: Encoded, task: Task, *, check: Callable[[], None] = lambda: None
) -> dict[str, Tensor]:
    """Values of the last linear map, fitted on the frozen model's own features of the training rows.

    A random head sends noise through the first updates; a fitted one lets the pairs learn from the first step (linear
    probing then fine-tuning, Kumar et al. 2022, arXiv 2202.10054). It is the same for every plan.

    Args:
        model: The frozen classifier with a head installed.
        rows: Training rows.
        task: What is predicted.
        check: Called before every batch; it may raise to stop.

    Returns:
        Weight and, if the map has one, bias, by full parameter name.
    """
    name = last_linear(model, task)
    module = model.get_submodule(name)
    has_bias = getattr(module, "bias", None) is not None
    features = _features(model, module, rows, check)
    mean = features.mean(axis=0) if has_bias else np.zeros(features.shape[1])
    spread = np.maximum(features.std(axis=0), 1e-6)
    weight, bias = _fit((features - mean) / spread, rows, task, has_bias=has_bias)
    weight = weight / spread
    values = {f"{name}.weight": torch.from_numpy(weight).float()}
    if has_bias:
        values[f"{name}.bias"] = torch.from_numpy(bias - weight @ mean).float()
    return values


def _features(model: nn.Module, module: nn.Module, rows: Encoded, check: Callable[[], None]) -> Floats:
    """What the map sees of each row, shape (rows, width); of a decoder's row at its last token."""
    seen: list[Tensor] = []
    table: Tensor | None = None
    handle = module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    model.eval()
    try:
        with torch.inference_mode():
            for batch in evaluation_batches(rows.lengths):
                check()
                model(**rows.batch(batch.tolist()))
                found = seen.pop()
                if found.ndim == 3:
                    found = found[torch.arange(len(batch)), torch.from_numpy(rows.lengths[batch] - 1).long()]
                if table is None:
                    table = torch.empty(len(rows), found.shape[1])
                table[torch.from_numpy(batch)] = found.float()
    finally:
        handle.remove()
    assert table is not None, "a split is never empty"
    features: Floats = table.numpy().astype(np.float64)
    return features


def _fit(features: Floats, rows: Encoded, task: Task, *, has_bias: bool) -> tuple[Floats, Floats]:
    """Weights of shape (outputs, width) and biases of shape (outputs,)."""
    weights, biases = [], []
    if task.classes:
        weight, bias = _fit_classes(features, rows.labels.numpy(), len(task.classes), has_bias=has_bias)
        weights.append(weight)
        biases.append(bias)
    if task.has_score:
        from sklearn.linear_model import RidgeCV

        ridge = RidgeCV(alphas=_PENALTIES, fit_intercept=has_bias).fit(features, rows.scores.numpy().astype(np.float64))
        weights.append(ridge.coef_[None])
        biases.append(np.atleast_1d(ridge.intercept_))
    return np.concatenate(weights), np.concatenate(biases)


def _fit_classes(features: Floats, labels: NDArray[np.int64], classes: int, *, has_bias: bool) -> tuple[Floats, Floats]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    weight, bias = np.zeros((classes, features.shape[1])), np.zeros(classes)
    present = np.unique(labels)
    if len(present) < 2:
        return weight, bias
    logistic = LogisticRegression(C=_LOGISTIC_C, fit_intercept=has_bias, max_iter=_LOGISTIC_STEPS)
    with warnings.catch_warnings():
        # a start need not be exact
        warnings.simplefilter("ignore", ConvergenceWarning)
        logistic.fit(features, labels)
    if len(present) == 2:
        # scikit-learn gives one row for two classes: half of it each way is the same decision
        weight[present] = np.stack([-logistic.coef_[0], logistic.coef_[0]]) / 2
        bias[present] = np.array([-1.0, 1.0]) * logistic.intercept_[0] / 2 if has_bias else 0.0
    else:
        weight[present] = logistic.coef_
        bias[present] = logistic.intercept_ if has_bias else 0.0
    return weight, bias
