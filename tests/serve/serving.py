"""A real server in a thread, over adapters that need no model and do what a test tells them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx2 as httpx

from darse.data.example import Task
from darse.errors import InputError
from darse.model.manifest import Manifest
from darse.score.scorer import Score, check_texts
from darse.serve.models import Models
from darse.serve.registry import LabelsRecord
from darse.serve.routing import Served
from darse.serve.run import Service
from darse.serve.settings import serve_settings
from darse.store.traffic import Traffic

TASK = Task(classes=("bad", "good"), has_score=True, score_low=0.0, score_high=1.0)
WAIT_S = 20.0


@dataclass(eq=False)
class FakeScorer:
    """Scores a text by its length; holds back while its gate is closed, breaks on the text `break`.

    Attributes:
        shift: Added to every score, which tells two scorers apart.
        task: What is predicted.
        gate: Open, unless a test closes it.
        batches: Sizes of what was scored together.
    """

    shift: float = 0.0
    task: Task = TASK
    gate: threading.Event = field(default_factory=threading.Event)
    batches: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gate.set()

    @property
    def trained_columns(self) -> dict[str, str]:
        return {}

    @property
    def digest(self) -> str:
        return digest_of(self.shift)

    def score(
        self, texts: Iterable[str], targets: Iterable[str] | None = None, *, check: Callable[[], None] = lambda: None
    ) -> list[Score]:
        given = [
            example.text for example in check_texts(list(texts), None if targets is None else list(targets), self.task)
        ]
        assert self.gate.wait(WAIT_S)
        self.batches.append(len(given))
        if "break" in given:
            raise RuntimeError("a secret of the inside")
        return [self.expected(text) for text in given]

    def count_tokens(self, texts: Sequence[str], targets: Sequence[str] | None = None) -> list[tuple[int, int]]:
        return [(len(text.split()), text.count("?")) for text in texts]

    def expected(self, text: str) -> Score:
        value = (len(text) % 100) / 100 + self.shift
        good = min(value, 1.0)
        return Score(value, "good" if good > 0.5 else "bad", {"bad": 1 - good, "good": good})


def digest_of(shift: float) -> str:
    return f"{int(shift * 1000):064x}"


@dataclass
class FakeRegistry:
    """Adapters in memory, by name; the labels that were kept last are remembered."""

    scorers: dict[str, FakeScorer]
    kept: list[LabelsRecord] = field(default_factory=list)

    def names(self) -> Sequence[str]:
        return sorted(self.scorers)

    def manifest(self, name: str) -> Manifest:
        self._check(name)
        return Manifest("native", "base", "0" * 64, TASK, 64, {}, {}, self.scorers[name].digest)

    def load(self, name: str) -> Served:
        self._check(name)
        return Served(name, self.scorers[name].digest, self.scorers[name])

    def labels(self) -> LabelsRecord:
        return LabelsRecord(prod=self.names()[0])

    def keep(self, record: LabelsRecord) -> None:
        self.kept.append(record)

    def _check(self, name: str) -> None:
        if name not in self.scorers:
            raise InputError(f"there is no adapter {name!r}")


@dataclass
class Running:
    """A server that answers, and a client of it."""

    service: Service
    models: Models
    registry: FakeRegistry
    client: httpx.Client

    def ask(self, text: str = "good", **more: object) -> httpx.Response:
        """Score one text."""
        return self.client.post("/v1/score", json={"text": text, **more})

    @property
    def scorer(self) -> FakeScorer:
        """What answers at first."""
        return self.registry.scorers["a"]

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.service.address.rpartition(":")[2])


@contextmanager
def running(
    record: LabelsRecord | None = None, *, traffic: Traffic | None = None, **options: object
) -> Iterator[Running]:
    """A server over the adapters a, b and c, until the block ends.

    Args:
        record: The labels to begin with; a is prod by default.
        traffic: Where answers are kept.
        options: Settings, as far as they are not the default.
    """
    registry = FakeRegistry({"a": FakeScorer(), "b": FakeScorer(0.001), "c": FakeScorer(0.002)})
    models = Models(registry, record or registry.labels())
    service = Service(models, serve_settings({"port": 0, **options}), traffic)
    thread = threading.Thread(target=service.run)
    thread.start()
    try:
        with httpx.Client(base_url=service.address, timeout=WAIT_S) as client:
            yield Running(service, models, registry, client)
    finally:
        for scorer in registry.scorers.values():
            scorer.gate.set()
        service.stop()
        thread.join(WAIT_S)
        assert not thread.is_alive()
