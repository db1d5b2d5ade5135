from __future__ import annotations

from pathlib import Path

from tests.store.scenarios.command import problems_of


def test_a_full_disk_is_named_loses_nothing_finished_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    assert problems_of("R7", tmp_path) == []


def test_a_place_that_may_not_be_used_is_refused_in_one_line(tmp_path: Path) -> None:
    assert problems_of("R8", tmp_path) == []
