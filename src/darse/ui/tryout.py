"""A text and the name of an adapter to what the adapter says of it; one adapter is in memory at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from darse.errors import DarseError, InputError
from darse.model.manifest import MANIFEST, Manifest, manifest_digest, peek_manifest
from darse.names import printable
from darse.ui.errors import BusyError, MissingError
from darse.ui.shelf import Shelf

if TYPE_CHECKING:
    from darse.score.scorer import Score, Scorer

_WAIT_S = 20.0
"""For the text before, which may have had to load its adapter."""


@dataclass(frozen=True)
class Adapter:
    """An adapter that can be tried.

    Attributes:
        key: Its name in links and forms: that of its store.
        title: What people call it.
        folder: Where it is.
        manifest: What it says of itself.
    """

    key: str
    title: str
    folder: Path
    manifest: Manifest


class Tryout:
    """Tries texts.

    Args:
        shelf: Whose studies have adapters.
        max_characters: Of a text.
        open_scorer: Loads an adapter's folder; this takes seconds.
    """

    def __init__(self, shelf: Shelf, max_characters: int, open_scorer: Callable[[Path], Scorer] | None = None) -> None:
        self._shelf, self._most, self._open = shelf, max_characters, open_scorer or _open
        self._lock = threading.Lock()
        self._loaded: tuple[Path, str, Scorer] | None = None

    def adapters(self) -> list[Adapter]:
        """Those that lie in the folders of studies; damaged ones are left out."""
        found = []
        for one in self._shelf.stores():
            folder = one.folder / "adapter" if one.folder is not None else None
            if folder is None or not (folder / MANIFEST).is_file():
                continue
            try:
                found.append(Adapter(one.key, one.title, folder, peek_manifest(folder)))
            except DarseError:
                continue
        return found

    def score(self, key: str, text: str, target: str | None) -> tuple[Adapter, Score]:
        """What an adapter says.

        Args:
            key: Of the adapter.
            text: The text.
            target: Whose sentiment is meant; None for an adapter without targets.

        Raises:
            MissingError: There is no such adapter.
            InputError: The text cannot be scored, or the adapter cannot be loaded.
            BusyError: Another text is being scored.
        """
        adapter = next((one for one in self.adapters() if one.key == key), None)
        if adapter is None:
            raise MissingError(f"there is no adapter {printable(key, 80)!r} here; choose one of the list")
        for part, given in (("text", text), ("target", target or "")):
            if len(given) > self._most:
                raise InputError(f"the {part} has {len(given)} characters; {self._most} is the most")
        if not self._lock.acquire(timeout=_WAIT_S):
            raise BusyError("another text is being scored; come back in a moment")
        try:
            scorer = self._scorer(adapter.folder)
            return adapter, scorer.score([text], [target or ""] if adapter.manifest.task.has_target else None)[0]
        finally:
            self._lock.release()

    def _scorer(self, folder: Path) -> Scorer:
        """The adapter's scorer, loaded anew if the folder holds another one by now."""
        digest = manifest_digest(folder)
        if self._loaded is None or self._loaded[:2] != (folder, digest):
            self._loaded = None  # two would not fit where one just does
            self._loaded = (folder, digest, self._open(folder))
        return self._loaded[2]


def _open(folder: Path) -> Scorer:
    from darse.score.scorer import AdapterScorer  # its packages take seconds to load, and most pages need none of it

    return AdapterScorer.open(folder)
