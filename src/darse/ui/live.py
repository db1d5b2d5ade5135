"""How far a study is to what a page says of it, once and again while it runs."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from darse.errors import DarseError
from darse.report.words import count, number
from darse.search.effort import seconds_left
from darse.search.stages import MEANINGS, STAGES
from darse.store.overview import Progress
from darse.ui.errors import BusyError
from darse.ui.moments import span_words
from darse.ui.subject import settings_of

_SLOW_SHARE = 20
"""A look that takes long is followed by a pause so many times as long."""
_MOST_PAUSE_S = 30.0
_COMMENT_S = 15.0
"""Without news something is sent all the same, so that a client that is gone is noticed."""


@dataclass(frozen=True)
class Live:
    """How far a study is, in words.

    Attributes:
        said: A sentence.
        part: How much of the search is done, about, from 0 to 1.
        fields: Name, label and value of each figure.
        href: Where news come from; empty if none will.
    """

    said: str
    part: float
    fields: tuple[tuple[str, str, str], ...]
    href: str = ""


def live_of(progress: Progress, href: str = "") -> Live:
    """How far a study is."""
    trials, left = progress.trials, time_left(progress)
    spent = progress.seconds
    part = 1.0 if progress.record.state == "finished" else spent / (spent + left) if left is not None and spent else 0.0
    return Live(
        said=_sentence(progress),
        part=round(part, 3),
        fields=(
            ("stage", "Stage", _stage_words(progress.stage)),
            ("finished", "Trials finished", count(trials.get("finished", 0))),
            ("running", "Running now", count(trials.get("running", 0))),
            ("waiting", "Waiting", count(trials.get("waiting", 0))),
            ("failed", "Failed", count(trials.get("failed", 0))),
            ("best", "Best validation loss so far", number(progress.best)),
            ("spent", "Evaluation so far", span_words(spent)),
            ("left", "Time left, about", span_words(left)),
        ),
        href=href,
    )


def time_left(progress: Progress) -> float | None:
    """About how many seconds a search still takes; None where nothing is known."""
    settings = settings_of(progress.record)
    if settings is None or progress.record.state != "running":
        return None
    return seconds_left(settings, runs=progress.runs, run_seconds=progress.run_seconds, spent_s=progress.seconds)


def _sentence(progress: Progress) -> str:
    state, stage = progress.record.state, progress.stage
    if state == "finished":
        return "The study is finished."
    if state == "stopped":
        return "The study was stopped; its command again continues it."
    if not stage:
        return "The study is running; no stage has begun yet."
    doing = f"The study is running, stage {_stage_words(stage)}: {MEANINGS.get(stage, 'at work')}."
    if not progress.trials.get("running"):
        doing += (
            " No worker holds a trial at this moment; if that stays so, it was killed, and its command continues it."
        )
    return doing


def _stage_words(stage: str) -> str:
    return f"{stage} ({STAGES.index(stage) + 1} of {len(STAGES)})" if stage in STAGES else stage or "none yet"


class Streams:
    """Pages that follow running studies, no more than some at a time.

    Args:
        most: How many.
        poll_s: Seconds between two looks, at the least.
        is_ending: Whether the server ends.
    """

    def __init__(self, most: int, poll_s: float, is_ending: Callable[[], bool]) -> None:
        self._most, self._poll_s, self._is_ending = most, poll_s, is_ending
        self._lock = threading.Lock()
        self._open = 0

    @property
    def open(self) -> int:
        """How many there are now."""
        return self._open

    def follow(self, look: Callable[[], Progress], is_gone: Callable[[], Awaitable[bool]]) -> AsyncIterator[str]:
        """Server-sent events of a study until it has ended, or whoever asked has gone.

        Args:
            look: How far it is, now.
            is_gone: Whether nobody listens any more.

        Raises:
            BusyError: Too many follow already.
        """
        if self._open >= self._most:
            raise BusyError(f"{self._open} pages follow running studies already; reload this one now and then")
        return self._events(look, is_gone)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._lock:
            self._open += 1
        try:
            yield
        finally:
            with self._lock:
                self._open -= 1

    async def _events(self, look: Callable[[], Progress], is_gone: Callable[[], Awaitable[bool]]) -> AsyncIterator[str]:
        with self._counted():
            told, number, quiet_since = "", 0, time.monotonic()
            yield "retry: 5000\n\n"
            while not self._is_ending() and not await is_gone():
                began = time.monotonic()
                try:
                    progress = await run_in_threadpool(look)
                except DarseError:
                    break  # the page itself says what is wrong
                said = _told(live_of(progress))
                if said != told:
                    told, number, quiet_since = said, number + 1, time.monotonic()
                    yield f"id: {number}\ndata: {said}\n\n"
                elif time.monotonic() - quiet_since > _COMMENT_S:
                    quiet_since = time.monotonic()
                    yield ":\n\n"
                if progress.record.state != "running":
                    break
                await self._pause(time.monotonic() - began)
            yield f"event: end\ndata: {json.dumps({'said': 'There is no more news.'})}\n\n"

    async def _pause(self, took_s: float) -> None:
        end = time.monotonic() + min(_MOST_PAUSE_S, max(self._poll_s, _SLOW_SHARE * took_s))
        while (left := end - time.monotonic()) > 0 and not self._is_ending():
            await asyncio.sleep(min(left, 0.5))


def _told(live: Live) -> str:
    values = {name: value for name, _, value in live.fields}
    return json.dumps({"said": live.said, "part": live.part, **values})
