"""Shuffle tests: valid p-values, few shuffles where nothing is shown, the smallest p where all is shown."""

from __future__ import annotations

import numpy as np
import pytest

from darse.evaluate.losses import Floats
from darse.insight.shuffles import shuffled_p


def _last_mean(orders: Floats) -> Floats:
    means: Floats = orders[:, -10:].mean(axis=1)
    return means


@pytest.mark.parametrize("level", [0.01, 0.05, 0.2])
def test_p_values_of_nothing_are_as_small_as_they_say(level: float) -> None:
    stream = np.random.default_rng(0)
    found = [shuffled_p(stream.normal(size=30), _last_mean, shuffles=999, stream=stream) for _ in range(600)]
    share = float(np.mean(np.array(found) <= level))
    assert share <= level + 3 * (level * (1 - level) / len(found)) ** 0.5


def test_what_is_plain_has_the_smallest_p_there_is() -> None:
    values = np.concatenate([np.zeros(40), np.ones(10)])
    assert shuffled_p(values, _last_mean, shuffles=499, stream=np.random.default_rng(0)) == 1 / 500


def test_shuffling_ends_when_nothing_can_be_shown_any_more() -> None:
    asked: list[int] = []

    def counted(orders: Floats) -> Floats:
        asked.append(len(orders))
        return _last_mean(orders)

    values = np.random.default_rng(1).normal(size=50)
    values[-10:] = values[:40].mean()
    assert shuffled_p(values, counted, shuffles=100_000, stream=np.random.default_rng(0)) > 0.2
    assert sum(asked) < 1000
