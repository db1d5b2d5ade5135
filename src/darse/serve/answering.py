"""Texts of a request to what the adapters that are to answer say of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import uuid4

from darse.errors import InputError
from darse.score.scorer import Score, check_texts
from darse.serve.batcher import Batcher, BusyError, Job, QueueFullError
from darse.serve.messages import Item, Scored
from darse.serve.metrics import Metrics
from darse.serve.models import Models
from darse.serve.routing import Label, Served
from darse.serve.settings import ServeSettings

_SAME_SCORE = 0.05
"""Part of the range of scores within which the shadow says the same as prod."""


class Answering:
    """Sends texts to adapters and puts their answers together again.

    Args:
        models: Which adapters answer.
        batcher: What scores.
        metrics: Where it is counted.
        settings: The limits.
    """

    def __init__(self, models: Models, batcher: Batcher, metrics: Metrics, settings: ServeSettings) -> None:
        self._models, self._batcher, self._metrics, self._settings = models, batcher, metrics, settings

    async def score(self, items: Sequence[Item]) -> list[Scored]:
        """What is said of each text, in order.

        Raises:
            InputError: A text cannot be scored, or there are too many.
            BusyError: They have to be sent again later.
        """
        self._check(items)
        routing = self._models.routing  # one for the whole request, whatever is changed meanwhile
        ids = [item.id or uuid4().hex for item in items]
        chosen = [routing.choose(key) for key in ids]
        places: dict[Label, list[int]] = {}
        for place, (label, _) in enumerate(chosen):
            places.setdefault(label, []).append(place)
        try:
            found = await asyncio.gather(
                *(self._ask(chosen[group[0]][1], [items[place] for place in group]) for group in places.values())
            )
        except BusyError as error:
            reason = "queue full" if isinstance(error, QueueFullError) else "late"
            self._metrics.refused.labels(reason).inc(len(items))
            raise
        answers: dict[int, Scored] = {}
        for (label, group), scores in zip(places.items(), found, strict=True):
            served = chosen[group[0]][1]
            self._metrics.texts.labels(label, served.name).inc(len(group))
            for place, said in zip(group, scores, strict=True):
                answers[place] = _scored(ids[place], said, served, label)
            if label == "prod" and routing.is_shadow and routing.canary is not None:
                self._shadow(routing.canary, [items[place] for place in group], scores)
        return [answers[place] for place in range(len(items))]

    def _check(self, items: Sequence[Item]) -> None:
        limits = self._settings
        if len(items) > limits.max_texts:
            raise InputError(
                f"{len(items)} texts in one request; {limits.max_texts} is the most: send more requests, or score a "
                "file with darse score"
            )
        for place, item in enumerate(items, 1):
            longest = max(len(item.text), len(item.target or ""))
            if longest > limits.max_characters:
                raise InputError(f"text {place} has {longest} characters; {limits.max_characters} is the most")
        texts, targets = _parts(items)
        check_texts(texts, targets, self._models.routing.prod.scorer.task)

    async def _ask(self, served: Served, items: Sequence[Item]) -> list[Score]:
        return await self._batcher.score(served, *_parts(items), deadline_s=self._settings.deadline_s)

    def _shadow(self, canary: Served, items: Sequence[Item], prod: Sequence[Score]) -> None:
        task, count = canary.scorer.task, self._metrics.shadows
        width = task.score_high - task.score_low

        def compare(result: list[Score] | Exception) -> None:
            if isinstance(result, Exception):
                count.labels("failed").inc(len(items))
                return
            for ours, theirs in zip(prod, result, strict=True):
                count.labels("same" if _is_same(ours, theirs, _SAME_SCORE * width) else "different").inc()

        if not self._batcher.shadow(Job(canary, *_parts(items), compare)):
            count.labels("left out").inc(len(items))


def _parts(items: Sequence[Item]) -> tuple[list[str], list[str] | None]:
    """Texts and targets; None for the targets where no text has one.

    Raises:
        InputError: Some have one and some do not.
    """
    targets = [item.target for item in items if item.target is not None]
    if targets and len(targets) < len(items):
        raise InputError(f"{len(targets)} of {len(items)} texts have a target; give one with each, or with none")
    return [item.text for item in items], targets or None


def _scored(key: str, said: Score, served: Served, label: Label) -> Scored:
    return Scored(
        id=key,
        label=said.label,
        score=said.score,
        probabilities=said.probabilities,
        adapter=served.name,
        digest=served.digest,
        served_as=label,
    )


def _is_same(one: Score, other: Score, tolerance: float) -> bool:
    if one.label != other.label:
        return False
    return one.score is None or other.score is None or abs(one.score - other.score) <= tolerance
