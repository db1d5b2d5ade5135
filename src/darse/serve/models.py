"""Changes of labels to the routing that requests see, one whole routing after another."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from darse.errors import DarseError, InputError
from darse.serve.registry import LabelsRecord, Registry, record_of
from darse.serve.routing import Label, Routing, Served


class Models:
    """The adapters that answer, and what changes them while they do.

    A change loads what it needs, keeps the labels durably, and only then lets requests see them. Each takes as long as
    an adapter takes to load, so it is called outside of the event loop.

    Args:
        registry: Where adapters come from.
        record: The labels to begin with.

    Raises:
        InputError: An adapter that answers cannot be loaded.
    """

    def __init__(self, registry: Registry, record: LabelsRecord) -> None:
        self.registry = registry
        self._lock = threading.Lock()
        prod = registry.load(record.prod)
        canary = registry.load(record.canary) if record.canary is not None else None
        previous = None
        with suppress(DarseError):  # it answers nobody: its loss must not keep a server from starting
            previous = registry.load(record.previous) if record.previous is not None else None
        self._routing = Routing(prod, canary, record.percent, record.shadow, previous)
        registry.keep(record_of(self._routing))

    @property
    def routing(self) -> Routing:
        """As it is at this moment."""
        return self._routing

    def label(self, label: Label, name: str, *, percent: float = 0.0, is_shadow: bool = False) -> Routing:
        """Give a label to an adapter, loaded anew.

        Args:
            label: Which one.
            name: Of the adapter.
            percent: Part of the texts that a canary answers.
            is_shadow: Whether a canary answers nobody and is only compared.

        Raises:
            InputError: There is no such adapter, it cannot be used, or it predicts something else than prod.
        """

        def change(now: Routing) -> Routing:
            served = self.registry.load(name)
            if label == "prod":
                return now.with_prod(served)
            _check_task(now.prod, served)
            return now.with_canary(served, percent=percent, is_shadow=is_shadow)

        return self._change(change)

    def drop_canary(self) -> Routing:
        """Let prod answer all."""
        return self._change(lambda now: now.with_canary(None))

    def promote(self) -> Routing:
        """Let the canary answer all; see `Routing.promoted`."""
        return self._change(Routing.promoted)

    def roll_back(self) -> Routing:
        """Let answer what answered before; see `Routing.rolled_back`."""
        return self._change(Routing.rolled_back)

    def reload(self) -> Routing:
        """Read the folders of prod and canary again: what has been exported over them answers from now on."""

        def change(now: Routing) -> Routing:
            prod = self.registry.load(now.prod.name)
            canary = now.canary and self.registry.load(now.canary.name)
            if prod.digest != now.prod.digest:
                now = now.with_prod(prod)
            return now.with_canary(canary, percent=now.percent, is_shadow=now.is_shadow)

        return self._change(change)

    def _change(self, change: Callable[[Routing], Routing]) -> Routing:
        with self._lock:
            changed = change(self._routing)
            self.registry.keep(record_of(changed))
            self._routing = changed
            return changed


def _check_task(prod: Served, canary: Served) -> None:
    """A canary answers the same requests, so it needs the same targets and gives the same kind of answer."""
    ours, theirs = prod.scorer.task, canary.scorer.task
    if (ours.classes, ours.has_score, ours.has_target) != (theirs.classes, theirs.has_score, theirs.has_target):
        raise InputError(f"{canary.name} predicts something else than {prod.name}; a canary has to answer the same")
