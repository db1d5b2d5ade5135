"""Variables that other libraries read when they are first imported, set before they are."""

from __future__ import annotations

import os
from collections.abc import Mapping

_COMPUTING = {
    # how long a waiting thread spins before it sleeps: with the library's own, much longer time two searches on one
    # machine slow each other down sevenfold, without any time one alone takes a third longer (docs/engine.md)
    "GOMP_SPINCOUNT": "2000",
    # kernels kept ready; with the library's own 1,024, one for every shape of a batch that ever was, a search takes a
    # third more memory and is no faster (docs/engine.md)
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64",
}
_TALKING = {
    "TOKENIZERS_PARALLELISM": "true",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    # an error of the hub is told once, by us, and not with every try before
    "HF_HUB_VERBOSITY": "error",
}


def prepare_computing() -> None:
    """Set, of what makes training fast beside other processes, what the user has not set; vain once torch is loaded."""
    _set(_COMPUTING)


def prepare_command() -> None:
    """The same, and what keeps other libraries from talking in between, for a process that is ours."""
    _set(_COMPUTING | _TALKING)


def _set(defaults: Mapping[str, str]) -> None:
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
