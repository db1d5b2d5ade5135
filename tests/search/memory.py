"""A search in memory: the part of a store that the driver reads, and an executor that asks a world."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

from darse.errors import TrialError
from darse.files import sha256_of_bytes
from darse.search.driver import Listener, read_record, search
from darse.search.history import Problem
from darse.search.limits import Limits
from darse.search.record import Record
from darse.search.stages import Findings
from darse.store.protocol import Store
from darse.store.trial import Failure, Trial, TrialSpec

from .worlds import World

STUDY = "study"


@dataclass
class Memory:
    """What was run; it is both the driver's store and its executor."""

    world: World
    context: str
    finished: dict[str, Trial] = field(default_factory=dict)
    failed: dict[str, Failure] = field(default_factory=dict)
    artifacts: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[TrialSpec, ...]] = field(default_factory=list)
    evaluations: list[str] = field(default_factory=list)

    def run(self, study: str, specs: Sequence[TrialSpec]) -> Iterator[Trial | None]:
        self.asked.append(tuple(specs))
        for spec in specs:
            name = spec.id(self.context)
            if name not in self.finished and name not in self.failed:
                self._evaluate(name, spec)
            yield self.finished.get(name)

    def _evaluate(self, name: str, spec: TrialSpec) -> None:
        self.evaluations.append(name)
        try:
            self.finished[name] = Trial(name, spec, self.world.outcome(spec, self._keep))
        except TrialError as error:
            self.failed[name] = Failure(spec, str(error), float(spec.epochs))

    def _keep(self, content: bytes) -> str:
        digest = sha256_of_bytes(content)
        self.artifacts[digest] = content
        return digest

    def trials(self, study: str) -> list[Trial]:
        return list(self.finished.values())

    def failed_ids(self, study: str) -> frozenset[str]:
        return frozenset(self.failed)

    def failures(self, study: str) -> list[Failure]:
        return list(self.failed.values())

    def artifact(self, digest: str) -> bytes:
        return self.artifacts[digest]

    def as_store(self) -> Store:
        # the driver reads only what is above
        return cast("Store", self)

    def record(self, problem: Problem) -> Record:
        return read_record(problem, STUDY, self.as_store())

    def search(
        self, problem: Problem, *, limits: Limits | None = None, listener: Listener | None = None
    ) -> tuple[Findings, Record]:
        found = search(
            problem, STUDY, self.as_store(), self, limits=limits or Limits(), listener=listener or Listener()
        )
        return found.findings, found.record


def explored(problem: Problem, world: World, *, limits: Limits | None = None) -> tuple[Findings, Memory]:
    """A whole search in a world."""
    memory = Memory(world, problem.context)
    findings, _ = memory.search(problem, limits=limits)
    return findings, memory
