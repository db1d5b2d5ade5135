from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from darse.data.row import Cell, Unusable, as_cell


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, None),
        ("a", "a"),
        (True, True),
        (np.bool_(True), True),
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        (Decimal("0.25"), 0.25),
        (Fraction(1, 4), 0.25),
        (float("nan"), None),
        (Decimal("sNaN"), Unusable("a number out of range")),
        (Fraction(10**400), Unusable("a number out of range")),
        (10**1000, Unusable("a huge whole number")),
        ([1], Unusable("a list")),
        ({}, Unusable("an object")),
        (b"a", Unusable("bytes")),
        (object(), Unusable("a object")),
    ],
)
def test_a_value_of_any_library_is_a_plain_cell(value: object, cell: Cell) -> None:
    found = as_cell(value)
    assert found == cell
    assert type(found) is type(cell)
