"""What happens in a study to its events and its state, which people read later."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self

from darse.errors import AdapterError, StoreError
from darse.names import printable
from darse.store.protocol import Event, Store

_REASON_LENGTH = 200


class Journal:
    """Writes down what happens in a study; as a `with` block it also keeps the study's state.

    | event | when | detail |
    |---|---|---|
    | `opened`, `continued` | somebody begins, or goes on | `worker`, `max_trials`, `max_minutes` |
    | `stage` | a stage begins, or the last one has ended (`done`) | `stage` |
    | `limit` | the limits end a part: `calibrate`, `search` or `proof` | `part`, `max_trials`, `max_minutes` |
    | `failed` | a trial has failed for good | `trial`, `plan`, `seed`, `reason` |
    | `freed` | a dead worker's trial is given back | `trial`, `worker` |
    | `reload` | an exported adapter fails its proof, or passes it again | `is_good`, `reason` |
    | `stopped` | Ctrl-C or an error ends the work | `reason` |
    | `finished` | the verdict is there | `verdict`, `trials`, `seconds` |

    A worker that is killed writes nothing: its study stays `running` until somebody continues it.

    Args:
        store: Where the study is.
        study: Its id.
        clock: Seconds since 1970 (UTC).
    """

    def __init__(self, store: Store, study: str, clock: Callable[[], float] = time.time) -> None:
        self._store, self._study, self._clock = store, study, clock

    def __enter__(self) -> Self:
        """Mark the study as running."""
        self._store.set_study_state(self._study, "running")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Mark it as stopped if an error ended the work."""
        if error is None:
            return
        with suppress(StoreError):  # what stopped it is told, and not what befell the note of it
            self._store.set_study_state(self._study, "stopped")
            self.note("stopped", reason=printable(f"{type(error).__name__}: {error}", _REASON_LENGTH))

    def finish(self, **detail: object) -> None:
        """Mark it as finished."""
        self._store.set_study_state(self._study, "finished")
        self.note("finished", **detail)

    @contextmanager
    def noting_reload(self) -> Iterator[None]:
        """Note that an adapter exported in a `with` block fails its proof, or that it passes after one that failed."""
        try:
            yield
        except AdapterError as error:
            self.note("reload", is_good=False, reason=printable(str(error), _REASON_LENGTH))
            raise
        told = [event.detail.get("is_good") for event in self._store.events(self._study) if event.kind == "reload"]
        if told and not told[-1]:
            self.note("reload", is_good=True)

    def note(self, event: str, **detail: object) -> None:
        """Add an event."""
        self._store.add_event(self._study, Event(self._clock(), event, detail))

    def note_once(self, event: str, **detail: object) -> None:
        """Add an event that a continued search tells again, unless the study has it."""
        if not any(one.kind == event and one.detail == detail for one in self._store.events(self._study)):
            self.note(event, **detail)


def event_words(event: Event) -> str:
    """What an event says beside its kind, on one line; what is not set is left out."""
    told = []
    for name, value in event.detail.items():
        shown = f"{value:.4g}" if isinstance(value, float) else str(value)
        if value is not None:
            told.append(shown if name == event.kind else f"{name.replace('_', ' ')} {shown}")
    return printable(", ".join(told), 300)
