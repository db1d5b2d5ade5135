"""Answers of a server to rows of the store, behind its back: no request waits for a disk."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import uuid4

from darse.errors import DarseError, StoreError
from darse.files import sha256_of_bytes
from darse.score.scorer import Score
from darse.serve.messages import Item
from darse.serve.routing import Served
from darse.store.traffic import Feedback, MinuteCount, Traffic
from darse.store.traffic import Served as Row

_MAX_KEPT = 20_000
"""Texts that wait for the store at the most: some megabytes, and minutes of a store that is away."""
_BATCH = 500
_PAUSE_S = 0.5
_MAX_PAUSE_S = 30.0
_FORGET_EVERY_S = 3600.0
_log = logging.getLogger("darse.serve")


@dataclass(frozen=True, slots=True)
class Answered:
    """Texts that one adapter has scored together.

    Attributes:
        time: When, seconds since 1970 (UTC).
        served: The adapter.
        served_as: `prod`, `canary` or `shadow`.
        keys: Id of each text.
        items: The texts.
        scores: What was said of each.
        seconds: From their arrival to their answer.
    """

    time: float
    served: Served
    served_as: str
    keys: Sequence[str]
    items: Sequence[Item]
    scores: Sequence[Score]
    seconds: float


class TrafficLog:
    """Writes what a server answers, in a thread of its own; what a store cannot take for long is counted and dropped.

    Args:
        traffic: Where the rows go.
        keeps_texts: Whether texts are kept, and not their digests alone.
        keep_days: How long a row is kept.
        lost: Told how many texts were dropped.
    """

    def __init__(self, traffic: Traffic, *, keeps_texts: bool, keep_days: float, lost: Callable[[int], None]) -> None:
        self._traffic, self._keeps_texts, self._keep_days, self._lost = traffic, keeps_texts, keep_days, lost
        self._server = uuid4().hex
        self._answered: deque[Answered] = deque()
        self._feedback: deque[Feedback] = deque()
        self._minutes: Counter[tuple[int, str]] = Counter()
        self._usual_kept: set[str] = set()
        self._pending = 0
        self._is_closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="darse-log", daemon=True)
        self._thread.start()

    def answered(self, answered: Answered) -> None:
        """Keep what was said of some texts."""
        with self._changed:
            if self._pending + len(answered.items) > _MAX_KEPT:
                self._lost(len(answered.items))
                return
            self._pending += len(answered.items)
            self._answered.append(answered)

    def counted(self, outcome: str) -> None:
        """A request for scores has ended; see `MinuteCount`."""
        with self._changed:
            self._minutes[int(time.time() // 60), outcome] += 1

    def told(self, feedback: Feedback) -> bool:
        """Keep what was true of a text; False if no text was scored under its id.

        Raises:
            StoreError: The store cannot be asked.
        """
        with self._changed:
            is_known = any(feedback.key in answered.keys for answered in self._answered)
        if not is_known and not self._traffic.knows(feedback.key):
            return False
        with self._changed:
            self._feedback.append(feedback)
            self._changed.notify()
        return True

    def close(self, wait_s: float) -> None:
        """Write what waits, and end the thread; what cannot be written in time is counted as lost."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join(wait_s)
        if self._pending:
            self._lost(self._pending)
            _log.error("%d texts could not be logged before the server ended", self._pending)

    def _work(self) -> None:
        pause_s, forgotten = _PAUSE_S, 0.0
        while True:
            with self._changed:
                if not self._is_closed:
                    self._changed.wait(pause_s)
                is_last = self._is_closed
            try:
                while self._write():
                    pass
                if not is_last and time.monotonic() - forgotten > _FORGET_EVERY_S:
                    self._traffic.forget(time.time() - 86400 * self._keep_days)
                    forgotten = time.monotonic()
                pause_s = _PAUSE_S
            except StoreError as error:
                _log.error("what was answered cannot be logged now, and is tried again: %s", error)
                pause_s = min(2 * pause_s, _MAX_PAUSE_S)
            if is_last:
                return

    def _write(self) -> bool:
        """Write a batch of what waits, all or nothing; whether there was any."""
        with self._changed:
            answered: list[Answered] = []
            texts = 0
            while len(answered) < len(self._answered) and texts < _BATCH:
                answered.append(self._answered[len(answered)])
                texts += len(answered[-1].items)
            feedback, minutes = list(self._feedback), dict(self._minutes)
        if not (answered or feedback or minutes):
            return False
        rows = [row for one in answered for row in self._rows(one)]
        counts = [MinuteCount(minute, self._server, outcome, count) for (minute, outcome), count in minutes.items()]
        self._traffic.add(rows, feedback, counts)
        for served in {one.served.digest: one.served for one in answered}.values():
            self._keep_usual(served)
        with self._changed:
            for _ in answered:
                self._answered.popleft()
            for _ in feedback:
                self._feedback.popleft()
            self._pending -= texts
            self._minutes.subtract(minutes)
            self._minutes = +self._minutes
        return True

    def _keep_usual(self, served: Served) -> None:
        """Once for each adapter, so that whoever watches needs no folder."""
        if served.digest not in self._usual_kept and served.usual is not None:
            self._traffic.keep_usual(served.digest, served.usual.as_json())
        self._usual_kept.add(served.digest)

    def _rows(self, answered: Answered) -> list[Row]:
        texts = [item.text for item in answered.items]
        targets = [item.target or "" for item in answered.items] if answered.served.scorer.task.has_target else None
        try:
            counts = answered.served.scorer.count_tokens(texts, targets)
        except DarseError:  # it was scored, so it was a text
            counts = [(0, 0)] * len(texts)
        return [
            Row(
                time=answered.time,
                key=key,
                adapter=answered.served.digest,
                name=answered.served.name,
                served_as=answered.served_as,
                label=said.label,
                score=said.score,
                confidence=None if said.label is None else said.probabilities[said.label],
                characters=len(item.text),
                tokens=tokens,
                unknown=unknown,
                seconds=answered.seconds,
                text_digest=sha256_of_bytes(item.text.encode()),
                text=item.text if self._keeps_texts else None,
                target=item.target if self._keeps_texts else None,
            )
            for key, item, said, (tokens, unknown) in zip(
                answered.keys, answered.items, answered.scores, counts, strict=True
            )
        ]
