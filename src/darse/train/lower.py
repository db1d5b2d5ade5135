"""The layers below a depth, run once: where no weight changes, neither does what they make of a row."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from darse.ranks.sites import find_layers
from darse.train.batches import evaluation_batches
from darse.train.encode import Encoded
from darse.train.functions import FastFunctions

CACHE_BYTES = 1 << 29
"""Hidden states kept in memory at the most; a split whose states alone are larger runs through all layers."""
_PROBED_ROWS = 8
_TOLERANCE = 1e-4
"""Part of the largest logit: far above what the order of a sum can do, far below what a wrong layer does."""


@dataclass(frozen=True)
class Lower:
    """What the lower layers of a model make of the rows of a split.

    Attributes:
        depth: How many layers they are.
        states: Hidden state of every token, row after row, unpadded, shape (tokens, width).
        starts: Place of each row's first token, and the end, shape (rows + 1,).
        rest: How many values a layer returns beside the states; None if it returns the states alone.
    """

    depth: int
    states: Tensor
    starts: NDArray[np.int64]
    rest: int | None

    @property
    def bytes(self) -> int:
        """Memory that the states take."""
        return self.states.numel() * self.states.element_size()

    @contextmanager
    def in_place_of(self, layers: nn.ModuleList, rows: Sequence[int], width: int) -> Iterator[None]:
        """Let the lower layers give back the kept states of some rows, padded to a width, instead of working."""
        padded = self.states.new_zeros(len(rows), width, self.states.shape[1])
        for place, row in enumerate(rows):
            start, stop = self.starts[row], self.starts[row + 1]
            padded[place, : stop - start] = self.states[start:stop]

        def idle(*args: Tensor, **kwargs: Tensor) -> object:
            return self._answer(args[0] if args else kwargs["hidden_states"])

        def answer(*args: object, **kwargs: object) -> object:
            return self._answer(padded)

        with _forwards(list(layers)[: self.depth], [*[idle] * (self.depth - 1), answer]):
            yield

    def _answer(self, hidden: Tensor) -> object:
        return hidden if self.rest is None else (hidden, *[None] * self.rest)


class Forward:
    """Rows through a model to logits, from the lowest layer that has work to do.

    Args:
        model: A sequence classifier.
        rows: The rows.
        lower: What the layers below have made of these rows; None runs every layer.
    """

    def __init__(self, model: nn.Module, rows: Encoded, lower: Lower | None = None) -> None:
        self.model, self.rows, self.lower = model, rows, lower
        self.layers = find_layers(model)[1]
        self.functions = FastFunctions()

    def __call__(self, batch: Sequence[int]) -> Tensor:
        """Logits of some rows, shape (rows, outputs)."""
        inputs = self.rows.batch(batch)
        width = inputs["input_ids"].shape[1]
        with self.functions, self.lower.in_place_of(self.layers, batch, width) if self.lower else nullcontext():
            logits: Tensor = self.model(**inputs).logits
        return logits


class LowerCache:
    """Lower layers' states of several splits and depths, the least recently used forgotten first.

    Args:
        limit: Bytes kept at the most.
    """

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self.limit = limit
        self._kept: OrderedDict[Hashable, Lower | None] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[int], Lower | None]) -> Lower | None:
        """The states under a key, made if they are not there; None where they cannot be had or are too large.

        Args:
            key: Everything that determines the states.
            make: Makes them, given how many bytes they may take.
        """
        if key not in self._kept:
            self._kept[key] = make(self.limit)
        self._kept.move_to_end(key)
        while sum(lower.bytes for lower in self._kept.values() if lower) > self.limit:
            self._kept.popitem(last=False)
        return self._kept.get(key)


def run_lower(
    model: nn.Module,
    rows: Encoded,
    depth: int,
    *,
    limit: int = CACHE_BYTES,
    check: Callable[[], None] = lambda: None,
) -> Lower | None:
    """Run the layers below a depth on every row, without dropout.

    Args:
        model: A sequence classifier with its weights as they are to be used.
        rows: The rows.
        depth: How many layers to run, at least 1.
        limit: Bytes that the states may take.
        check: Called before every batch; it may raise to stop.

    Returns:
        The states; None if they are too large, or if the model does not give the same logits from them (a model
        whose upper layers see more of the lower ones than their states).
    """
    layers = find_layers(model)[1]
    starts = np.concatenate([[0], np.cumsum(rows.lengths, dtype=np.int64)])
    states: Tensor | None = None
    rest: int | None = None
    model.eval()
    with torch.inference_mode(), _Stopped(layers, depth) as stopped:
        for batch in evaluation_batches(rows.lengths):
            check()
            hidden, rest = stopped.run(model, rows.batch(batch.tolist()))
            if states is None:
                if starts[-1] * hidden.shape[-1] * hidden.element_size() > limit:
                    return None
                with torch.inference_mode(False):  # so that the states can take part in training
                    states = torch.empty(int(starts[-1]), hidden.shape[-1], dtype=hidden.dtype)
            for place, row in enumerate(batch):
                states[starts[row] : starts[row + 1]] = hidden[place, : starts[row + 1] - starts[row]]
    assert states is not None, "a split is never empty"
    lower = Lower(depth, states, starts, rest)
    return lower if _gives_the_same(model, rows, lower) else None


def set_training(model: nn.Module, depth: int) -> None:
    """Training mode from a layer on; what lies below is frozen, so its dropout is off too."""
    if not depth:
        model.train()
        return
    model.eval()
    body = getattr(model, "base_model_prefix", "")
    for name, part in model.named_children():
        if name != body:
            part.train()
    for layer in find_layers(model)[1][depth:]:
        layer.train()


def _gives_the_same(model: nn.Module, rows: Encoded, lower: Lower) -> bool:
    order = np.argsort(rows.lengths, kind="stable")
    some = order[:: max(1, len(order) // _PROBED_ROWS)].tolist()
    with torch.inference_mode():
        plain, resumed = Forward(model, rows)(some), Forward(model, rows, lower)(some)
    return bool((plain - resumed).abs().max() <= _TOLERANCE * plain.abs().max())


class _Reached(Exception):  # noqa: N818 - a way out of a model, not an error
    """The layers above are not needed."""


class _Stopped:
    """A model that ends below a depth and gives what its last layer there returned."""

    def __init__(self, layers: nn.ModuleList, depth: int) -> None:
        self.layer = layers[depth - 1]
        self._found: object = None
        self._handle = self.layer.register_forward_hook(self._keep)

    def __enter__(self) -> _Stopped:
        return self

    def __exit__(self, *error: object) -> None:
        self._handle.remove()

    def run(self, model: nn.Module, inputs: dict[str, Tensor]) -> tuple[Tensor, int | None]:
        with suppress(_Reached), FastFunctions():
            model(**inputs)
        found = self._found
        if isinstance(found, tuple):
            return found[0], len(found) - 1
        assert isinstance(found, Tensor)
        return found, None

    def _keep(self, module: nn.Module, inputs: object, output: object) -> None:
        self._found = output
        raise _Reached


@contextmanager
def _forwards(layers: Sequence[nn.Module], functions: Sequence[Callable[..., object]]) -> Iterator[None]:
    """Give modules another `forward` each for the length of a `with` block."""
    before: list[object] = [vars(layer).get("forward") for layer in layers]
    try:
        for layer, function in zip(layers, functions, strict=True):
            vars(layer)["forward"] = function
        yield
    finally:
        for layer, earlier in zip(layers, before, strict=True):
            if earlier is None:
                vars(layer).pop("forward", None)
            else:
                vars(layer)["forward"] = earlier
