"""The pace of a run, and what is said of it beforehand."""

from __future__ import annotations

import pytest

from darse.cli.estimate import MEASURED_STEPS, Pace, estimate_lines
from darse.execute.rehearsal import Rehearsed
from darse.search.effort import complete_runs
from darse.settings import settings_from_options

RUN = Rehearsed(600, 0)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _after(steps: int, *, first: int = 0, seconds: float = 0.5) -> Pace:
    clock = Clock()
    pace = Pace(clock)
    pace.start(6)
    for step in range(first, first + steps + 1):
        pace.step(0, step, 100)
        clock.now += seconds
    return pace


def test_a_run_is_estimated_from_its_first_steps_and_not_before() -> None:
    assert _after(MEASURED_STEPS - 1).run_s is None
    assert _after(MEASURED_STEPS).run_s == pytest.approx(300)
    assert _after(MEASURED_STEPS).left_s == pytest.approx(290)


def test_a_run_that_is_continued_is_estimated_from_its_own_steps_alone() -> None:
    assert _after(MEASURED_STEPS, first=70).run_s == pytest.approx(300)
    assert _after(3, first=90).run_s is None


def test_a_short_run_is_estimated_from_a_quarter_of_its_steps() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.start(2)
    for step in (1, 2, 3):
        pace.step(0, step, 4)
        clock.now += 0.5
    assert pace.run_s == pytest.approx(4)


def test_one_of_a_thing_is_not_called_several() -> None:
    (told,) = estimate_lines(settings_from_options({"epochs": 1}), RUN)
    assert told.startswith("one run of 1 epoch takes about 10 min here")
    assert "memory" not in told


def test_the_memory_is_told_where_it_is_known() -> None:
    (told,) = estimate_lines(settings_from_options({}), Rehearsed(600, 1_340_000_000))
    assert told.endswith(", and needs about 1.3 GB of memory")


def test_a_highest_rank_that_no_weight_can_carry_is_told_to_be_lowered() -> None:
    settings = settings_from_options({"max_rank": 1000})
    first, *others = estimate_lines(settings, Rehearsed(600, 0, 384))
    assert first.startswith("--max-rank 1000 is lowered to 384, the smaller side of the weights")
    assert others == estimate_lines(settings, RUN)
    assert len(estimate_lines(settings_from_options({"max_rank": 384}), Rehearsed(600, 0, 384))) == 1


def test_a_limit_below_one_run_says_that_one_is_made_and_what_to_do() -> None:
    told = " ".join(estimate_lines(settings_from_options({"max_minutes": 3}), RUN))
    for part in ("6 epochs takes about 10 min", "--max-minutes 3 is less than one run", "made in full", "--epochs"):
        assert part in told


def test_a_limit_below_the_search_says_how_many_runs_it_has_room_for() -> None:
    assert "room for about 6:" in estimate_lines(settings_from_options({"max_minutes": 60}), RUN)[-1]
    assert "room for about 4:" in estimate_lines(settings_from_options({"max_trials": 4}), RUN)[-1]
    assert len(estimate_lines(settings_from_options({"max_minutes": 600}), RUN)) == 1


def test_more_seeds_and_plans_that_are_all_trained_cost_more() -> None:
    base = complete_runs(settings_from_options({}))
    assert complete_runs(settings_from_options({"seeds": 5})) > base
    assert complete_runs(settings_from_options({"evaluator": "finetune"})) > base
    assert complete_runs(settings_from_options({"learning_rates": [1e-3]})) < base


@pytest.mark.parametrize(
    ("options", "runs"),
    [
        ({}, 28),  # 7 + 18 + 3
        ({"max_rank": 1}, 26),  # the lowest rank is the highest one
        ({"learning_rates": [1e-3]}, 24),
        ({"preset": "paper"}, 38),
    ],
)
def test_the_runs_of_a_search_are_counted_as_it_makes_them(options: dict[str, object], runs: int) -> None:
    assert complete_runs(settings_from_options(options)) == runs
