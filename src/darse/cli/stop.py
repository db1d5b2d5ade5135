"""Ctrl-C and SIGTERM to a clean end: at once while nothing runs, at the next batch while a trial runs."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from darse.errors import Interrupted


class Stop:
    """Remembers a signal until somebody may act on it.

    Args:
        advice: What is said to whoever has stopped the command.

    Attributes:
        is_patient: Whether somebody calls `check` often, so that a signal can wait for that.
    """

    def __init__(self, advice: str = "") -> None:
        self.advice = advice
        self.is_patient = False
        self._signal: int | None = None

    def end_patience(self) -> None:
        """From now on nobody calls `check`: a signal raises at once, one that has come already does here.

        Raises:
            Interrupted: A signal has come.
        """
        self.is_patient = False
        self.check()

    def check(self) -> None:
        """Raise if a signal has come.

        Raises:
            Interrupted: A signal has come.
        """
        if self._signal is not None:
            raise Interrupted(self._signal, self.advice)

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Take a signal: raise now, or, while patient, at the next check; a second one raises now."""
        is_second, self._signal = self._signal is not None, number
        if is_second or not self.is_patient:
            raise Interrupted(number, self.advice)


@contextmanager
def stopping_cleanly(advice: str = "") -> Iterator[Stop]:
    """Turn SIGINT and SIGTERM into `Interrupted` for the length of a `with` block; see `Stop`."""
    stop = Stop(advice)
    before = {number: signal.signal(number, stop.receive) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def how_to_continue(*, fresh: bool) -> str:
    """The advice of a verb that keeps what it has done.

    >>> how_to_continue(fresh=True)
    'run the same command again, without --fresh, to continue'
    """
    but = ", without --fresh," if fresh else ""
    return f"run the same command again{but} to continue"
