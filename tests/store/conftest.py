"""The implementations of `Store` that every test with the fixture `store` runs against."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from darse.store.open import open_store
from darse.store.protocol import Store
from tests.postgres import fresh_schema

from .samples import a_record

Reopen = Callable[[], Store]
"""Opens the same store once more, as another process would."""


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a store that does not exist yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'store.db'}"
        return
    with fresh_schema(request.getfixturevalue("postgres_server")) as url:
        yield url


@pytest.fixture
def reopen(address: str) -> Iterator[Reopen]:
    """Opens the store at the address, as often as it is called; all are closed at the end."""
    opened: list[Store] = []

    def open_again() -> Store:
        opened.append(open_store(address))
        return opened[-1]

    yield open_again
    for store in opened:
        store.close()


@pytest.fixture
def store(reopen: Reopen) -> Store:
    """An open store with one study."""
    opened = reopen()
    opened.register_study(a_record())
    return opened
