"""R1 and R2 in short: a search that is killed loses nothing, repeats nothing and ends as if nobody had killed it."""

from __future__ import annotations

import pytest

from ..search.killing import Toll, kill_searches, trials_in, uninterrupted

KILLS = 8


@pytest.fixture(scope="module")
def toll(tmp_path_factory: pytest.TempPathFactory) -> Toll:
    folder = tmp_path_factory.mktemp("killed")
    expected = uninterrupted(folder / "whole")
    assert trials_in(expected) > 50
    return kill_searches(folder / "searches", KILLS, seed=1, expected=expected)


def test_killed_search_loses_no_finished_trial(toll: Toll) -> None:
    assert toll.kills == KILLS
    assert toll.lost == 0


def test_killed_search_does_no_finished_trial_twice(toll: Toll) -> None:
    assert toll.twice == 0


def test_no_trial_is_left_running_once_the_search_has_started_again(toll: Toll) -> None:
    assert toll.left == 0


def test_killed_search_finds_what_an_undisturbed_one_finds(toll: Toll) -> None:
    assert toll.differences == 0
    assert toll.waits
