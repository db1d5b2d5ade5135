"""A store with one study."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from darse.store.open import open_store
from darse.store.protocol import Store, StudyRecord

from ..search.worlds import CONTEXT

STUDY = "s"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "study.db") as opened:
        opened.register_study(StudyRecord(STUDY, "s", CONTEXT, {}, 0.0))
        yield opened
