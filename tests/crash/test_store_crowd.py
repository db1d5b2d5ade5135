from __future__ import annotations

from pathlib import Path

from tests.store.scenarios.command import problems_of


def test_many_writers_and_readers_lose_no_row_and_see_no_lock(tmp_path: Path) -> None:
    assert problems_of("R9", tmp_path) == []


def test_many_workers_claim_each_trial_once(tmp_path: Path) -> None:
    assert problems_of("R10", tmp_path) == []


def test_a_worker_stopped_past_its_lease_overwrites_nothing(tmp_path: Path) -> None:
    assert problems_of("R11", tmp_path) == []
