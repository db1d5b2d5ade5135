"""The implementations of `Store` that every test with the fixture `store` runs against."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from darse.store.open import open_store
from darse.store.protocol import Store

from .samples import a_record

Reopen = Callable[[], Store]
"""Opens the same store once more, as another process would."""


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a store that does not exist yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'store.db'}"
        return
    server = os.environ.get("DARSE_TEST_POSTGRES")
    if server is None:
        pytest.skip("DARSE_TEST_POSTGRES names no PostgreSQL database to test with")
    schema = f"darse_{uuid.uuid4().hex}"
    engine = create_engine(server)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    url = make_url(server).update_query_dict({"options": f"-csearch_path={schema}"})
    yield url.render_as_string(hide_password=False)
    with engine.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    engine.dispose()


@pytest.fixture
def reopen(address: str, tmp_path: Path) -> Iterator[Reopen]:
    """Opens the store at the address, as often as it is called; all are closed at the end."""
    opened: list[Store] = []

    def open_again() -> Store:
        opened.append(open_store(address, artifacts=tmp_path / "artifacts"))
        return opened[-1]

    yield open_again
    for store in opened:
        store.close()


@pytest.fixture
def store(reopen: Reopen) -> Store:
    """An open store with one study."""
    opened = reopen()
    opened.open_study(a_record())
    return opened
