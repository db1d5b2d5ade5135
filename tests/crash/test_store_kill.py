from __future__ import annotations

from pathlib import Path

from tests.store.scenarios.command import problems_of


def test_a_store_killed_at_a_durable_step_has_the_old_or_the_new_state(tmp_path: Path) -> None:
    assert problems_of("R3", tmp_path) == []
