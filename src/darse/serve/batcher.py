"""Texts of many requests to scores, through one model at a time, in batches that form while the one before runs."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from darse.errors import DarseError
from darse.score.scorer import Score
from darse.serve.routing import Served

_PAST = 0.8
"""Weight of what was known of the speed when a new batch is measured."""
_MAX_RETRY_S = 60


class BusyError(DarseError):
    """A request has to come back later.

    Args:
        message: Why.
        retry_after_s: When.
    """

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class QueueFullError(BusyError):
    """As many texts wait as may."""


class LateError(BusyError):
    """A request was not answered by its deadline, or the server is stopping."""


@dataclass(frozen=True)
class Job:
    """Texts of one request for one adapter.

    Attributes:
        served: The adapter.
        texts: None empty or too long (`AdapterScorer.check`).
        targets: One for each, or None.
        answer: Called once, from the model's thread, with the scores or with what went wrong.
        is_wanted: Whether anybody still waits.
    """

    served: Served
    texts: Sequence[str]
    targets: Sequence[str] | None
    answer: Callable[[list[Score] | Exception], None]
    is_wanted: Callable[[], bool] = lambda: True


class Batcher:
    """One thread that scores what waits, first come, first served.

    Nothing waits for a batch to fill: an idle model takes what is there, and what comes meanwhile is the next batch.

    Args:
        max_waiting: Texts that wait at the most.
        batch_texts: Texts scored together, unless a single request has more.
        observe: Told of each batch: its texts, and the seconds that it took.
    """

    def __init__(self, *, max_waiting: int, batch_texts: int, observe: Callable[[int, float], None]) -> None:
        self._max_waiting, self._batch_texts, self._observe = max_waiting, batch_texts, observe
        self._jobs: deque[Job] = deque()
        self._shadows: deque[Job] = deque()
        self._waiting = self._shadowed = 0
        self._rate: float | None = None
        self._is_closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="darse-model", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Texts that wait."""
        return self._waiting

    @property
    def is_alive(self) -> bool:
        """Whether scores can come."""
        return self._thread.is_alive() and not self._is_closed

    async def score(
        self, served: Served, texts: Sequence[str], targets: Sequence[str] | None, *, deadline_s: float
    ) -> list[Score]:
        """The scores of some texts, in their order.

        Args:
            served: The adapter.
            texts: As `Job` has them.
            targets: One for each, or None.
            deadline_s: Seconds to wait at the most.

        Raises:
            QueueFullError: Too many texts wait already.
            LateError: The deadline has passed, or the server is stopping.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Score]] = loop.create_future()

        def settle(result: list[Score] | Exception) -> None:
            if future.done():
                return
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)

        def answer(result: list[Score] | Exception) -> None:
            loop.call_soon_threadsafe(settle, result)

        self._put(Job(served, texts, targets, answer, lambda: not future.done()))
        try:
            async with asyncio.timeout(deadline_s):
                return await future
        except TimeoutError as error:
            raise LateError(f"no answer within {deadline_s:g} s", self.retry_after_s()) from error

    def _put(self, job: Job) -> None:
        with self._changed:
            if self._is_closed:
                raise LateError("the server is stopping", 1)
            if self._waiting + len(job.texts) > self._max_waiting:
                raise QueueFullError(f"{self._waiting} texts wait already", self.retry_after_s())
            self._waiting += len(job.texts)
            self._jobs.append(job)
            self._changed.notify()

    def shadow(self, job: Job) -> bool:
        """Score something that nobody waits for, when nothing else is there; False if too much waits already."""
        with self._changed:
            if self._is_closed or self._shadowed + len(job.texts) > self._max_waiting:
                return False
            self._shadowed += len(job.texts)
            self._shadows.append(job)
            self._changed.notify()
            return True

    def retry_after_s(self) -> int:
        """Seconds after which what waits now should be done."""
        seconds = self._waiting / self._rate if self._rate else 1.0
        return min(max(math.ceil(seconds), 1), _MAX_RETRY_S)

    def close(self, wait_s: float) -> None:
        """Score what waits, take nothing more, and end the thread; what is not done in time is told so."""
        with self._changed:
            self._is_closed = True
            self._shadows.clear()
            self._changed.notify()
        self._thread.join(wait_s)
        with self._changed:
            left, self._jobs = list(self._jobs), deque()
            self._waiting = 0
        for job in left:
            job.answer(LateError("the server is stopping", 1))

    def _work(self) -> None:
        while batch := self._take():
            began = time.perf_counter()
            _score(batch)
            seconds, texts = time.perf_counter() - began, sum(len(job.texts) for job in batch)
            rate = texts / max(seconds, 1e-6)
            self._rate = rate if self._rate is None else _PAST * self._rate + (1 - _PAST) * rate
            self._observe(texts, seconds)

    def _take(self) -> list[Job]:
        """The next jobs of one adapter; none when all is done and nothing more may come."""
        with self._changed:
            while True:
                self._forget_unwanted()
                if self._jobs or self._shadows or self._is_closed:
                    break
                self._changed.wait()
            batch: list[Job] = []
            jobs = self._jobs or self._shadows
            texts = 0
            while jobs and (not batch or self._fits(batch[0], jobs[0], texts)):
                batch.append(jobs.popleft())
                texts += len(batch[-1].texts)
            if jobs is self._jobs:
                self._waiting -= texts
            else:
                self._shadowed -= texts
            return batch

    def _fits(self, first: Job, more: Job, texts: int) -> bool:
        return more.served is first.served and texts + len(more.texts) <= self._batch_texts

    def _forget_unwanted(self) -> None:
        wanted = [job for job in self._jobs if job.is_wanted()]
        if len(wanted) < len(self._jobs):
            self._jobs = deque(wanted)
            self._waiting = sum(len(job.texts) for job in wanted)


def _score(batch: Sequence[Job]) -> None:
    """Answer every job; what breaks one of them does not break the others."""
    try:
        scores = _scores(batch)
    except Exception as error:  # noqa: BLE001 - it is answered, and logged where the answer is made
        if len(batch) == 1:
            batch[0].answer(error)
            return
        for job in batch:
            _score([job])
        return
    at = 0
    for job in batch:
        job.answer(scores[at : at + len(job.texts)])
        at += len(job.texts)


def _scores(batch: Sequence[Job]) -> list[Score]:
    texts = [text for job in batch for text in job.texts]
    targets = None
    if batch[0].targets is not None:
        targets = [target for job in batch for target in job.targets or ()]
    return batch[0].served.scorer.score(texts, targets)
