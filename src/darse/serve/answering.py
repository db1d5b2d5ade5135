"""Texts of a request to what the adapters that are to answer say of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from darse.errors import DarseError, InputError
from darse.names import printable
from darse.score.scorer import Score, check_texts
from darse.serve.batcher import Batcher, BusyError, Job, QueueFullError
from darse.serve.log import Answered, TrafficLog
from darse.serve.messages import FeedbackAnswer, FeedbackBody, Item, Scored
from darse.serve.metrics import Metrics
from darse.serve.models import Models
from darse.serve.routing import Label, Routing, Served
from darse.serve.settings import ServeSettings
from darse.store.traffic import Feedback

_SAME_SCORE = 0.05
"""Part of the range of scores within which the shadow says the same as prod."""


class UnknownTextError(DarseError):
    """Nothing is known of a text that feedback is about."""


class Answering:
    """Sends texts to adapters and puts their answers together again.

    Args:
        models: Which adapters answer.
        batcher: What scores.
        metrics: Where it is counted.
        settings: The limits.
        log: Where it is kept; None keeps nothing.
    """

    def __init__(
        self, models: Models, batcher: Batcher, metrics: Metrics, settings: ServeSettings, log: TrafficLog | None
    ) -> None:
        self._models, self._batcher, self._metrics = models, batcher, metrics
        self._settings, self._log = settings, log

    async def score(self, items: Sequence[Item]) -> list[Scored]:
        """What is said of each text, in order.

        Raises:
            InputError: A text cannot be scored, or there are too many.
            BusyError: They have to be sent again later.
        """
        began, now = time.perf_counter(), time.time()
        self._check(items)
        routing = self._models.routing  # one for the whole request, whatever is changed meanwhile
        groups = _grouped(routing, items)
        found = await self._ask(groups)
        seconds = time.perf_counter() - began
        answers: dict[int, Scored] = {}
        for group, scores in zip(groups, found, strict=True):
            answered = Answered(now, group.served, group.label, group.keys, group.items, scores, seconds)
            self._keep(answered, routing)
            for place, key, said in zip(group.places, group.keys, scores, strict=True):
                answers[place] = _scored(key, said, group.served, group.label)
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

    async def _ask(self, groups: Sequence[_Group]) -> list[list[Score]]:
        wait_s = self._settings.deadline_s
        asked = [self._batcher.score(one.served, *_parts(one.items), deadline_s=wait_s) for one in groups]
        try:
            return await asyncio.gather(*asked)
        except BusyError as error:
            reason = "queue full" if isinstance(error, QueueFullError) else "late"
            self._metrics.refused.labels(reason).inc(sum(len(one.items) for one in groups))
            raise

    def _keep(self, answered: Answered, routing: Routing) -> None:
        """Count and log what was answered, and let the shadow say the same again."""
        self._metrics.texts.labels(answered.served_as, answered.served.name).inc(len(answered.items))
        if self._log is not None:
            self._log.answered(answered)
        if answered.served_as == "prod" and routing.is_shadow and routing.canary is not None:
            self._shadow(routing.canary, answered)

    def tell(self, body: FeedbackBody) -> FeedbackAnswer:
        """Keep what was true of a text.

        Raises:
            InputError: It says nothing, or something that no adapter could have said.
            UnknownTextError: No text was scored under the id, as far as the log knows.
        """
        task = self._models.routing.prod.scorer.task
        if body.label is None and body.score is None:
            raise InputError("say what was true: give a label, a score, or both")
        if body.label is not None and body.label not in task.classes:
            raise InputError(f"the label is none of {', '.join(map(printable, task.classes)) or 'any: there are none'}")
        if body.score is not None and not task.has_score:
            raise InputError("the adapter predicts no score; give a label alone")
        if self._log is None:
            raise UnknownTextError("this server keeps no log; start it without --no-log")
        if not self._log.told(Feedback(time.time(), body.id, body.label, body.score)):
            raise UnknownTextError("no text was scored under this id, or it is forgotten by now")
        return FeedbackAnswer(id=body.id)

    def _shadow(self, canary: Served, prod: Answered) -> None:
        items, began = prod.items, time.perf_counter()
        task, count = canary.scorer.task, self._metrics.shadows
        width = task.score_high - task.score_low

        def compare(result: list[Score] | Exception) -> None:
            if isinstance(result, Exception):
                count.labels("failed").inc(len(items))
                return
            if self._log is not None:
                self._log.answered(
                    Answered(prod.time, canary, "shadow", prod.keys, items, result, time.perf_counter() - began)
                )
            for ours, theirs in zip(prod.scores, result, strict=True):
                count.labels("same" if _is_same(ours, theirs, _SAME_SCORE * width) else "different").inc()

        if not self._batcher.shadow(Job(canary, *_parts(items), compare)):
            count.labels("left out").inc(len(items))


@dataclass(frozen=True)
class _Group:
    """Texts of a request that one adapter answers, with their places in it."""

    label: Label
    served: Served
    places: Sequence[int]
    keys: Sequence[str]
    items: Sequence[Item]


def _grouped(routing: Routing, items: Sequence[Item]) -> list[_Group]:
    """Texts by the adapter that answers them; who gave no id is given one."""
    keys = [item.id or uuid4().hex for item in items]
    chosen = [routing.choose(key) for key in keys]
    groups = []
    for label, served in dict.fromkeys(chosen):
        places = [place for place, one in enumerate(chosen) if one == (label, served)]
        groups.append(
            _Group(label, served, places, [keys[place] for place in places], [items[place] for place in places])
        )
    return groups


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
