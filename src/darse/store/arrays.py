"""Arrays to artifacts of a store, and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from darse.store.protocol import Store

_NAME = "values"


def put_array(store: Store, values: NDArray[np.float64]) -> str:
    """Keep an array of any shape and return its artifact's digest; equal arrays are kept once."""
    return store.put_artifact(save({_NAME: np.ascontiguousarray(values)}))


def read_array(store: Store, digest: str) -> NDArray[np.float64]:
    """The array of a digest; see `Store.artifact` for what it raises."""
    values: NDArray[np.float64] = load(store.artifact(digest))[_NAME]
    return values
