"""The evaluator that asks a user's own function, for any task and any way to train."""

from __future__ import annotations

import functools
import inspect
import math
import time
from collections.abc import Callable, Mapping, Sequence
from types import CodeType

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from darse.errors import InputError, TrialError
from darse.execute.evaluator import Feedback
from darse.files import sha256_of_bytes
from darse.ranks.plan import Site, ranks_by_weight
from darse.store.arrays import put_array, read_array
from darse.store.protocol import Store
from darse.store.trial import Outcome, Trial, TrialSpec

_REAL_KINDS = "biufO"
"""Kinds of NumPy's types that hold real numbers; of objects (whole numbers beyond 64 bits, say), it depends."""
UserFunction = Callable[[Mapping[str, int], int, float], ArrayLike]
"""`f(ranks, seed, learning_rate)`: rank by the module's full name (none for modules left out) to per-example losses."""


def identity_of(function: UserFunction) -> str:
    """What tells one own evaluator from another: its module, its name, and its `version` or else its source.

    A function that was changed may give other losses, so it is another evaluator. An attribute `version`, of any value,
    stands for the source: while it stays, so do the runs. An object that can be called goes by its class, and a
    `functools.partial` by its function and what it binds.

    >>> def evaluate(ranks, seed, learning_rate): ...
    >>> evaluate.version = 2
    >>> identity_of(evaluate)
    'darse.execute.user.evaluate (version 2)'
    """
    inner = function.func if isinstance(function, functools.partial) else function
    named = inner if hasattr(inner, "__qualname__") else type(inner)
    name = f"{named.__module__}.{named.__qualname__}"
    version = getattr(inner, "version", None)
    if version is not None:
        return f"{name} (version {version})"
    try:
        source = inspect.getsource(named)
    except (OSError, TypeError):  # typed at a prompt, or compiled
        code = getattr(inner, "__code__", None) or getattr(type(inner).__call__, "__code__", None)
        source = repr(_code_parts(code))
    if isinstance(function, functools.partial):
        source += repr((function.args, sorted(function.keywords.items())))
    return f"{name} (source {sha256_of_bytes(source.encode())[:12]})"


def _code_parts(value: object) -> object:
    """A function's code without what tells its place in memory."""
    if not isinstance(value, CodeType):
        return value
    return value.co_code, value.co_names, tuple(map(_code_parts, value.co_consts))


class UserEvaluator:
    """Scores a plan by a user's own function.

    Args:
        function: Called with the rank of every adapted module, the seed and the learning rate; returns one loss
            per validation example, lower is better, always for the same examples in the same order.
        sites: Where ranks are set.
        store: Keeps the losses.
        study: Id of the study, whose earlier trials say how many losses there are.
    """

    def __init__(self, function: UserFunction, sites: Sequence[Site], store: Store, study: str) -> None:
        self.function, self.sites, self.store, self.study = function, sites, store, study
        self._rows: int | None = None

    def evaluate(self, trial_id: str, spec: TrialSpec, parents: Sequence[Trial], feedback: Feedback) -> Outcome:
        """Ask the function; see `Evaluator.evaluate`.

        Raises:
            InputError: The study was begun with another number of examples, or it changes.
        """
        feedback.check()
        began = time.perf_counter()
        answer = self.function(ranks_by_weight(spec.plan, self.sites), spec.seed, spec.learning_rate)
        losses = _as_losses(answer)
        if losses.ndim != 1 or not len(losses):
            raise TrialError(f"the evaluator returned an array of shape {losses.shape}, not one loss per example")
        self._check_rows(len(losses))
        score = float(losses.mean())
        if not math.isfinite(score):
            raise TrialError(f"the evaluator returned losses whose mean is {score} for plan {spec.plan}")
        return Outcome(score, {"loss": score}, put_array(self.store, losses), seconds=time.perf_counter() - began)

    def _check_rows(self, rows: int) -> None:
        if self._rows is None:
            self._rows = self._rows_of_study() or rows
            if rows != self._rows:
                # not a failed trial: every other one would fail in the same way, and for good
                raise InputError(
                    f"the evaluator returned {rows} losses, but {self._rows} when the study was begun; return them for "
                    "the same examples, or start anew with fresh=True"
                )
        if rows != self._rows:
            raise InputError(
                f"the evaluator returned {rows} losses, but {self._rows} the time before; return one for "
                "each of the same examples, in the same order"
            )

    def _rows_of_study(self) -> int:
        """How many losses a finished trial of the study has; 0 where none is finished."""
        trials = self.store.trials(self.study)
        return len(read_array(self.store, trials[0].outcome.losses)) if trials else 0


def _as_losses(answer: object) -> NDArray[np.float64]:
    if isinstance(answer, torch.Tensor):
        answer = answer.detach().cpu()
        answer = answer.float() if answer.dtype == torch.bfloat16 else answer
    if np.ma.is_masked(answer):
        raise TrialError("the evaluator returned an array with masked losses; return one for every example")
    try:
        given = np.asarray(answer)
        if given.dtype.kind in _REAL_KINDS:
            return given.astype(np.float64)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise TrialError(f"the evaluator returned something that is no array of numbers: {error}") from error
    raise TrialError(f"the evaluator returned an array of {given.dtype}; return real losses")
