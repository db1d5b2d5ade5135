"""What the search saves: the target is what it says, luck is averaged over, and nothing is run twice."""

from __future__ import annotations

import itertools
import statistics

import pytest

from benchmarks.compare.results import Record
from benchmarks.savings import Scale, expected, grid, is_at, reached, sampled, spent, table
from darse.settings import Settings
from tests.search.worlds import layers

TARGET: Record = {
    "plan": [0, 2],
    "cost": 100,
    "quality": 0.5,
    "noise": 0.02,
    "trials": [
        {"is_run": True, "cost": 400, "score": 0.4, "seconds": 60.0},
        {"is_run": False, "cost": 100, "score": 0.5, "seconds": 6.0},
        {"is_run": True, "cost": 100, "score": 0.51, "seconds": 54.0},
        {"is_run": True, "cost": 100, "score": 0.49, "seconds": 60.0},
    ],
}


def a_run(cost: int, score: float | None, seconds: float = 60.0) -> Record:
    return {"cost": cost, "score": score, "seconds": seconds}


@pytest.mark.parametrize(
    ("cost", "score", "is_there"), [(100, 0.52, True), (100, 0.53, False), (101, 0.4, False), (50, 0.4, True)]
)
def test_the_target_is_as_small_and_as_good_within_the_noise(cost: int, score: float, is_there: bool) -> None:
    assert is_at(a_run(cost, score), TARGET) == is_there


def test_the_guided_search_counts_its_cuts_and_its_larger_runs() -> None:
    own, whole = reached(TARGET), spent(TARGET)
    assert (own.runs, own.minutes, own.tried) == (2, 2.0, 3)
    assert (whole.runs, whole.minutes) == (3, 3.0)


def test_the_expectation_is_the_mean_over_all_orders() -> None:
    runs = [a_run(100, 0.5, 30.0), a_run(100, 0.51, 90.0), a_run(400, 0.4), a_run(100, 0.9, 120.0), a_run(1, None, 0.0)]
    positions, minutes = [], []
    for order in itertools.permutations(runs):
        first = next(place for place, run in enumerate(order) if is_at(run, TARGET))
        positions.append(first + 1)
        minutes.append(sum(float(str(run["seconds"])) for run in order[: first + 1]) / 60)
    found = expected(runs, TARGET)
    assert found.runs == pytest.approx(statistics.mean(positions))
    assert found.minutes == pytest.approx(statistics.mean(minutes))


def test_a_search_that_never_reaches_it_is_said_to_have_not() -> None:
    runs = {f"cr/{Scale().digest}/grid/{place}": a_run(400, 0.4) for place in range(3)}
    told = table(["cr"], Scale(), {f"cr/{Scale().digest}/guided": TARGET, **runs})
    assert "| cr | grid | none of 3 reached it | over 3.0 |" in told
    assert "not measured yet" in table(["cr"], Scale(), {})


def test_the_other_searches_try_different_plans_of_the_same_space() -> None:
    settings, sites = Settings(), layers(6)
    cells = list(grid(sites, settings))
    assert len(cells) == len(set(cells)) == 26 * len(settings.search.learning_rates)
    assert all(len(set(spec.plan.ranks[place : place + 2])) == 1 for spec in cells for place in (0, 2, 4))
    draws = list(itertools.islice(sampled(sites, settings), 40))
    assert all(max(spec.plan) <= settings.search.max_rank and any(spec.plan) for spec in draws)
    assert {spec.learning_rate for spec in draws} <= set(settings.search.learning_rates)
    assert draws == list(itertools.islice(sampled(sites, settings), 40))
