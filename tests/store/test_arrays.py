"""Arrays come back as they were kept."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from darse.errors import CorruptStoreError
from darse.store.arrays import put_array, read_array
from darse.store.protocol import Store


@pytest.mark.parametrize(
    "values",
    [
        np.array([5e-324, -0.0, np.inf, np.nan]),
        np.arange(6.0).reshape(2, 3).T,
        np.arange(12.0)[::3],
        np.zeros((0, 3)),
    ],
    ids=["extremes", "transposed", "strided", "empty"],
)
def test_an_array_comes_back_with_shape_and_bits_and_is_kept_once(store: Store, values: NDArray[np.float64]) -> None:
    digest = put_array(store, values)

    found = read_array(store, digest)
    assert (found.dtype, found.shape) == (np.dtype(np.float64), values.shape)
    assert found.tobytes() == np.ascontiguousarray(values).tobytes()
    assert put_array(store, values.copy()) == digest


def test_a_missing_array_is_an_error(store: Store) -> None:
    with pytest.raises(CorruptStoreError, match="is missing"):
        read_array(store, "0" * 64)
