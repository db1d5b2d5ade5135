"""Change points: claimed in at most one of twenty shuffled series, and found where they are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from darse.evaluate.losses import Floats
from darse.insight.changes import FEWEST_ROWS, change_p, find_changes, largest_jump

_DRAWS: dict[str, Callable[[np.random.Generator, int], Floats]] = {
    "scores": lambda stream, rows: stream.normal(0, 1, rows),
    "classes": lambda stream, rows: stream.choice([-1.0, 0.0, 1.0], rows, p=[0.35, 0.25, 0.4]),
    "rare classes": lambda stream, rows: stream.choice([-1.0, 1.0], rows, p=[0.05, 0.95]),
}


@pytest.mark.parametrize("rows", [30, 120])
@pytest.mark.parametrize("kind", list(_DRAWS))
def test_shuffled_series_are_claimed_to_change_at_most_one_time_in_twenty(kind: str, rows: int) -> None:
    stream = np.random.default_rng(rows)
    series = [stream.permutation(_DRAWS[kind](stream, rows)) for _ in range(300)]
    claimed = sum(change_p(one, shuffles=499, stream=stream) <= 0.05 for one in series)
    # so many, and no more than chance explains
    assert stats.binomtest(claimed, len(series), 0.05, alternative="greater").pvalue > 0.005


def test_the_largest_jump_is_what_the_best_split_takes_off_the_squared_error() -> None:
    values = np.random.default_rng(1).normal(size=40)

    def error(piece: Floats) -> float:
        return float(((piece - piece.mean()) ** 2).sum())

    splits = range(FEWEST_ROWS, len(values) - FEWEST_ROWS + 1)
    gains = [error(values) - error(values[:place]) - error(values[place:]) for place in splits]
    assert largest_jump(values[np.newaxis, :])[0] == pytest.approx(max(gains))
    assert find_changes(values, shuffles=99, stream=np.random.default_rng(0))[0] == splits[int(np.argmax(gains))]


def test_a_jump_is_found_where_it_is() -> None:
    stream = np.random.default_rng(2)
    values = np.concatenate([stream.normal(0.5, 0.3, 80), stream.normal(-0.5, 0.3, 40)])
    assert change_p(values, shuffles=999, stream=stream) == 1 / 1000
    (place,) = find_changes(values, shuffles=999, stream=stream)
    assert abs(place - 80) <= 2


def test_a_dip_that_recovers_is_two_changes() -> None:
    stream = np.random.default_rng(3)
    values = np.concatenate([stream.normal(mean, 0.3, 60) for mean in (0.5, -0.5, 0.5)])
    first, second = find_changes(values, shuffles=999, stream=stream)
    assert abs(first - 60) <= 2
    assert abs(second - 120) <= 2


def test_values_without_spread_have_no_further_change() -> None:
    values = np.concatenate([np.zeros(20), np.ones(20)])
    assert find_changes(values, shuffles=99, stream=np.random.default_rng(0)) == (20,)
