"""An estimate that was tried: plans scored by regression on the frozen model's gradients, one pass for all of them.

Trained for a short while an adapter moves a model little, and then the model is nearly linear in the adapter: what it
learns is what regression on its gradients learns (the neural tangent kernel, Jacot et al. 2018, arXiv 1806.07572; it
describes fine-tuned language models, Malladi et al. 2023, arXiv 2210.05643). A weight whose input is h and the gradient
of whose output is d has, for the B of its low-rank pair, the gradient sum over tokens of d (A h)^T. A is random at
first, so a few random draws stand for it; the mean over draws orders plans far better than one (docs/proxies.md).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.engine import some_rows
from darse.data.example import Task
from darse.errors import TrialError
from darse.evaluate.losses import search_losses
from darse.execute.bench import Bench
from darse.execute.evaluator import Feedback
from darse.model.lora import installed
from darse.ranks.plan import RankPlan, Site
from darse.seeds import torch_stream
from darse.store.trial import Outcome, Trial, TrialSpec
from darse.train.batches import evaluation_batches
from darse.train.encode import Encoded
from darse.train.lower import Forward

Floats = NDArray[np.float64]
_Seen = dict[nn.Module, list[tuple[Tensor, Tensor]]]

PENALTIES = tuple(float(value) for value in np.logspace(-3, 2, 11))
"""Ridge penalties, for a kernel whose mean diagonal is 1."""
_DRAWS = 8
_IN, _OUT = 4, 8
"""Random directions, in each draw, of a weight's input and of the gradient of its output: 32 numbers a row."""
_CONTRASTS = 3
"""Differences of classes whose gradients are taken at the most; each costs a backward pass."""
ROWS = 400
"""Rows of a split that are looked at, at the most."""
_FEATURE_BYTES = 1 << 29
"""What the numbers of all weights and rows may take; models of very many weights get fewer draws."""


@dataclass(frozen=True)
class Tangents:
    """Projected gradients of two splits by site; those of a weight have a mean square of 1 in every draw.

    Attributes:
        train: Of training rows by site, shape (draws, rows, numbers).
        valid: Of validation rows by site, shape (draws, validation rows, numbers).
        targets: What is regressed, shape (rows, outputs): classes as 0 or 1, then the standardised score.
        truth: The same of the validation rows.
    """

    train: Sequence[Tensor]
    valid: Sequence[Tensor]
    targets: Floats
    truth: Floats

    def predictions(self, plan: RankPlan) -> Iterator[Floats]:
        """What each draw's regression predicts, shape (validation rows, outputs), with the penalty that serves it best.

        A site counts with the square root of its rank: so do the updates that its directions share grow under Adam
        (docs/method.md#numerics). All weights count alike, whatever the size of their gradients, since Adam divides by
        it.

        Args:
            plan: The plan; it has a rank somewhere.

        Raises:
            TrialError: A kernel cannot be taken apart.
        """
        mean = self.targets.mean(axis=0)
        for draw in range(len(self.train[0])):
            ours, theirs = (
                torch.cat([plan[site] ** 0.25 * of[site][draw] for site in plan.active], dim=1)
                for of in (self.train, self.valid)
            )
            try:
                values, vectors = (found.numpy() for found in torch.linalg.eigh((ours @ ours.T).double()))
            except RuntimeError as error:
                raise TrialError(f"the gradients' kernel of plan {plan} cannot be taken apart: {error}") from error
            turned, seen = vectors.T @ (self.targets - mean), (theirs @ ours.T).double().numpy() @ vectors
            tried = (mean + seen @ (turned / (values + one * values.mean())[:, None]) for one in PENALTIES)
            yield min(tried, key=lambda found: float(np.square(found - self.truth).sum()))


class Tangent:
    """Scores plans by regression on the frozen model's gradients."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._kept: tuple[Tangents, Encoded] | None = None

    def evaluate(self, trial_id: str, spec: TrialSpec, parents: Sequence[Trial], feedback: Feedback) -> Outcome:
        """Regress in every draw; losses are means over draws. See `Evaluator.evaluate`."""
        began = time.perf_counter()
        if self._kept is None:
            self._kept = self._look(feedback)
        found, valid = self._kept
        truth = valid.labels.numpy(), valid.scores.numpy().astype(np.float64)
        losses = [search_losses(one, *truth, self.bench.task) for one in found.predictions(spec.plan)]
        return Outcome(float(np.mean(losses)), {}, "", seconds=time.perf_counter() - began)

    def _look(self, feedback: Feedback) -> tuple[Tangents, Encoded]:
        bench = self.bench
        train, valid = (some_rows(bench.rows[split], ROWS) for split in ("train", "valid"))
        with installed(bench.model, bench.starting_weights(RankPlan.uniform(bench.sites, 0), 0, feedback.check)):
            return tangents(bench.model, bench.sites, train, valid, bench.task, check=feedback.check), valid


def tangents(
    model: nn.Module,
    sites: Sequence[Site],
    train: Encoded,
    valid: Encoded,
    task: Task,
    *,
    check: Callable[[], None] = lambda: None,
) -> Tangents:
    """The gradients of a frozen model whose head is fitted.

    Args:
        model: The classifier without pairs, its head installed; in evaluation mode afterwards.
        sites: Where plans set ranks.
        train: Training rows, a few hundred.
        valid: Validation rows.
        task: What is predicted.
        check: Called before every batch; it may raise to stop.

    Raises:
        TrialError: The gradients cannot be taken, or are not finite.
    """
    names = [weight.name for site in sites for weight in site.weights]
    directions = _directions(task)
    numbers = 4 * len(names) * (len(train) + len(valid)) * len(directions) * _IN * _OUT
    draws = min(_DRAWS, max(1, _FEATURE_BYTES // numbers))
    ours, theirs = (_gradients(model, names, rows, directions, draws, check) for rows in (train, valid))
    for name in names:
        if not bool(ours[name].isfinite().all() and theirs[name].isfinite().all()):
            raise TrialError(f"the gradients at {name} are not finite")
        scale = ours[name].square().sum(dim=2, keepdim=True).mean(dim=1, keepdim=True).sqrt().clamp(min=1e-30)
        ours[name], theirs[name] = ours[name] / scale, theirs[name] / scale
    at_train, at_valid = (
        [torch.cat([of[weight.name] for weight in site.weights], dim=2) for site in sites] for of in (ours, theirs)
    )
    return Tangents(at_train, at_valid, _targets(train, task), _targets(valid, task))


def _gradients(
    model: nn.Module,
    names: Sequence[str],
    rows: Encoded,
    directions: Sequence[Tensor],
    draws: int,
    check: Callable[[], None],
) -> dict[str, Tensor]:
    """Projected gradients by weight, shape (draws, rows, directions of the logits x 32)."""
    modules = [model.get_submodule(name) for name in names]
    found: dict[str, Tensor] = {}
    model.eval()
    forward = Forward(model, rows)
    with _watched(model, modules) as seen:
        for batch in evaluation_batches(rows.lengths):
            check()
            seen.clear()
            with torch.enable_grad():
                logits = forward(batch.tolist()).float()
                inputs, outputs = zip(*(_by_rows(seen, module, len(batch)) for module in modules), strict=True)
                slopes = [
                    torch.autograd.grad((logits @ one).sum(), outputs, retain_graph=place < len(directions) - 1)
                    for place, one in enumerate(directions)
                ]
            for name, given, *own in zip(names, inputs, *slopes, strict=True):
                into, out = _projections(name, given.shape[-1], own[0].shape[-1], draws)
                small = (given.float() @ into).unflatten(2, (draws, _IN))
                parts = [
                    torch.einsum("btdi,btdo->dbio", small, (slope.float() @ out).unflatten(2, (draws, _OUT)))
                    for slope in own
                ]
                table = found.setdefault(name, torch.empty(draws, len(rows), len(directions) * _IN * _OUT))
                table[:, torch.from_numpy(batch)] = torch.cat([part.flatten(2) for part in parts], dim=2)
    return found


def _by_rows(seen: _Seen, module: nn.Module, rows: int) -> tuple[Tensor, Tensor]:
    """What went into a module and came out of it; of several calls that which saw the rows (DeBERTa has others).

    Raises:
        TrialError: There is none, so the gradients of different rows cannot be told apart.
    """
    for given, output in seen.get(module, ()):
        if given.ndim == 3 and len(given) == rows:
            return given, output
    raise TrialError(f"a {type(module).__name__} of the model mixes rows, so their gradients cannot be told apart")


def _directions(task: Task) -> list[Tensor]:
    """Directions of the logits whose gradients are taken: orthonormal contrasts of the classes, and the score."""
    classes = len(task.classes)
    found: list[Tensor] = []
    if classes > 1:
        steps = torch.cat([torch.ones(classes, 1), torch.eye(classes)[:, : classes - 1]], dim=1)
        contrasts = torch.linalg.qr(steps)[0].T[1 : 1 + _CONTRASTS]
        found += [nn.functional.pad(contrast, (0, int(task.has_score))) for contrast in contrasts]
    if task.has_score:
        found.append(torch.eye(task.outputs)[-1])
    return found or [torch.ones(task.outputs)]


def _projections(name: str, d_in: int, d_out: int, draws: int) -> tuple[Tensor, Tensor]:
    """Random directions of both sides of a weight, in all draws, the same for every row."""
    stream = torch_stream(0, "tangent", name)
    return torch.randn(d_in, draws * _IN, generator=stream), torch.randn(d_out, draws * _OUT, generator=stream)


def _targets(rows: Encoded, task: Task) -> Floats:
    parts = [np.eye(len(task.classes))[rows.labels.numpy()]] if task.classes else []
    parts += [rows.scores.numpy().astype(np.float64)[:, None]] if task.has_score else []
    targets: Floats = np.concatenate(parts, axis=1)
    return targets


@contextmanager
def _watched(model: nn.Module, modules: Sequence[nn.Module]) -> Iterator[_Seen]:
    """Inputs and outputs of some modules, call by call, with a graph that begins at the embeddings."""
    seen: _Seen = {}

    def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        seen.setdefault(module, []).append((inputs[0].detach(), output))

    def begin(module: nn.Module, inputs: object, output: Tensor) -> Tensor:
        return output.requires_grad_() if output.is_leaf else output

    embeddings = model.get_input_embeddings()  # type: ignore[operator] # every transformers model has it
    handles = [embeddings.register_forward_hook(begin), *(one.register_forward_hook(keep) for one in modules)]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()
