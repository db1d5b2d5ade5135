from __future__ import annotations

from pathlib import Path

from tests.store.scenarios.command import problems_of


def test_a_store_cut_at_its_end_opens_at_a_commit_or_says_one_clear_error(tmp_path: Path) -> None:
    assert problems_of("R6", tmp_path) == []


def test_a_damaged_store_never_says_anything_wrong(tmp_path: Path) -> None:
    assert problems_of("R13", tmp_path) == []
