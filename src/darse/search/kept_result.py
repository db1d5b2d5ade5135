"""A study's result to its place in the store, and back."""

from __future__ import annotations

from contextlib import suppress

from darse.errors import StoreError
from darse.search.result import Result
from darse.store.attachments import attach, attached
from darse.store.protocol import Store

_RESULT = "result"


def put_result(store: Store, result: Result) -> None:
    """Keep the result of a study; a later one replaces it."""
    attach(store, result.study, _RESULT, store.put_artifact(result.to_json()))


def read_result(store: Store, study: str) -> Result | None:
    """The result of the study of an id, None if it has none.

    Raises:
        StoreError: The result is of another version of the package.
        CorruptStoreError: It is missing or changed.
    """
    content = _content(store, study)
    return None if content is None else Result.from_json(content)


def readable_result(store: Store, study: str) -> Result | None:
    """The result of the study of an id, None if it has none that this version can read.

    Raises:
        CorruptStoreError: The result is missing or changed.
    """
    content = _content(store, study)
    with suppress(StoreError):
        return None if content is None else Result.from_json(content)
    return None


def last_result(store: Store) -> Result | None:
    """The result of the study begun last of those that have one, None if none has."""
    found = (read_result(store, record.id) for record in reversed(store.studies()))
    return next((result for result in found if result is not None), None)


def _content(store: Store, study: str) -> bytes | None:
    digest = attached(store, study, _RESULT)
    return None if digest is None else store.artifact(digest)
