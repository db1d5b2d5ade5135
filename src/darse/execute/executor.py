"""The seam between a search and the machines: trials in, finished trials out, in any order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from darse.store.trial import Trial, TrialSpec


class Executor(Protocol):
    """Runs trials that a study has asked for."""

    def run(self, study: str, specs: Sequence[TrialSpec]) -> Iterator[Trial | None]:
        """Run trials and hand each out once it is stored; None for one that failed (the store keeps why).

        Every trial is claimed from the store first, so any number of executors can share a study. A trial that
        another process holds is waited for.

        Raises:
            Interrupted: The user asked to stop; what was claimed and not finished is released.
        """
