"""The key of a text to the adapter that answers it: labels `prod` and `canary`, changed as a whole."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from darse.errors import InputError
from darse.evaluate.sample import Sample
from darse.score.scorer import Scorer

Label = Literal["prod", "canary"]


@dataclass(frozen=True, eq=False)
class Served:
    """An adapter that is loaded.

    Attributes:
        name: Of its folder.
        digest: SHA-256 of its manifest, which names this very adapter.
        scorer: What scores.
        usual: What it says of rows that it has not learned from; None where its folder does not tell.
    """

    name: str
    digest: str
    scorer: Scorer
    usual: Sample | None = None


@dataclass(frozen=True)
class Routing:
    """Which adapter answers which text; never changed, only replaced.

    Attributes:
        prod: What answers.
        canary: What answers a part of the texts instead, or every text a second time in the shadow.
        percent: Part of the texts that the canary answers, 0 to 100.
        is_shadow: Whether the canary scores what prod has answered; nobody is shown what it says.
        previous: What a rollback brings back.
    """

    prod: Served
    canary: Served | None = None
    percent: float = 0.0
    is_shadow: bool = False
    previous: Served | None = None

    def choose(self, key: str) -> tuple[Label, Served]:
        """The adapter that answers a text; the same key always meets the same one, as long as labels stay."""
        if self.canary is not None and not self.is_shadow and _share_of(key) < self.percent:
            return "canary", self.canary
        return "prod", self.prod

    @property
    def loaded(self) -> Iterator[Served]:
        """Every adapter that a label names."""
        yield from (one for one in (self.prod, self.canary, self.previous) if one is not None)

    def with_prod(self, served: Served) -> Routing:
        """Another adapter answers, and the one before is kept for a rollback."""
        return replace(self, prod=served, previous=self.prod)

    def with_canary(self, served: Served | None, *, percent: float = 0.0, is_shadow: bool = False) -> Routing:
        """Another canary, or none."""
        return replace(self, canary=served, percent=percent, is_shadow=is_shadow)

    def promoted(self) -> Routing:
        """The canary answers all.

        Raises:
            InputError: There is none.
        """
        if self.canary is None:
            raise InputError("there is no canary to promote; label an adapter canary first")
        return self.with_canary(None).with_prod(self.canary)

    def rolled_back(self) -> Routing:
        """What answered before answers again; a second rollback takes the first one back.

        Raises:
            InputError: Nothing has answered before.
        """
        if self.previous is None:
            raise InputError("there is nothing to roll back to: prod has been the same since the server began")
        return self.with_prod(self.previous)


def _share_of(key: str) -> float:
    """A number from 0 to 100, below 100, spread evenly over keys.

    >>> round(_share_of("customer 7"), 2) == round(_share_of("customer 7"), 2)
    True
    """
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64 * 100
