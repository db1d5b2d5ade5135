"""The values of a group in the order of time to the moments at which their level changed."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np

from darse.errors import MissingExtraError
from darse.evaluate.losses import Floats
from darse.insight.shuffles import shuffled_p

FEWEST_ROWS = 5
"""On either side of a change."""
_MOST_CHANGES = 5
_LATER_LEVEL = 0.01
"""For a further change beside one that is shown: two stretches are looked at for each."""


def require_ruptures() -> None:
    """Refuse at once, before anything is read.

    Raises:
        MissingExtraError: The package that finds change points is not installed.
    """
    if find_spec("ruptures") is None:
        raise MissingExtraError("ruptures", "insights", "or compare two files by hand")


def largest_jump(values: Floats) -> Floats:
    """How much the best single change of level explains, for many orders at once.

    The CUSUM statistic: the most that a split after row k takes off the squared error, which is
    S_k^2 n / (k (n - k)) with S_k the sum of the first k values less their mean.

    Args:
        values: (orders, rows).

    Returns:
        (orders,)
    """
    rows = values.shape[1]
    places = np.arange(FEWEST_ROWS, rows - FEWEST_ROWS + 1)
    sums = np.cumsum(values - values.mean(axis=1, keepdims=True), axis=1)[:, places - 1]
    largest: Floats = (sums**2 * (rows / (places * (rows - places)))).max(axis=1)
    return largest


def change_p(values: Floats, *, shuffles: int, stream: np.random.Generator) -> float:
    """The p-value of a change of level anywhere, against any order of the same values.

    Args:
        values: In the order of time, at least `2 * FEWEST_ROWS`.
        shuffles: At the most.
        stream: Of random numbers.
    """
    return shuffled_p(values, largest_jump, shuffles=shuffles, stream=stream)


def find_changes(values: Floats, *, shuffles: int, stream: np.random.Generator) -> tuple[int, ...]:
    """The first row after each change, in a series of which a change is shown already.

    How many there are: binary segmentation, each further change with a shuffle test of its own at 1 % (Vostrikova 1981;
    Matteson and James 2014). Where they are: the exact least-squares segmentation into so many pieces, as ruptures
    finds it (Truong, Oudre and Vayatis 2020).

    Args:
        values: In the order of time.
        shuffles: At the most, for each test.
        stream: Of random numbers.
    """
    import ruptures

    model = ruptures.KernelCPD(kernel="linear", min_size=FEWEST_ROWS)
    amount, waiting = 0, [(0, len(values))]
    while waiting and amount < _MOST_CHANGES:
        start, end = waiting.pop(0)
        piece = values[start:end]
        if len(piece) < 2 * FEWEST_ROWS or np.ptp(piece) == 0:
            continue
        if amount and change_p(piece, shuffles=shuffles, stream=stream) > _LATER_LEVEL:
            continue
        place = start + int(model.fit(piece.reshape(-1, 1)).predict(n_bkps=1)[0])
        amount += 1
        waiting += [(start, place), (place, end)]
    return tuple(int(place) for place in model.fit(values.reshape(-1, 1)).predict(n_bkps=amount)[:-1])
